// Exporters against the services of a client, as buildx has them, over a session.
#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/method_handler.h>
#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/oci/layout.h"
#include "containerd/services/content/v1/content_service.grpc.pb.h"
#include "coordinator/buildkit/outputs/client_folder.h"
#include "coordinator/buildkit/outputs/exporters.h"
#include "coordinator/buildkit/session/client_sessions.h"
#include "moby/filesync/v1/filesync.pb.h"
#include "moby/filesync/v1/filesync_service.grpc.pb.h"
#include "tests/coordinator/buildkit/fake_buildkit_client.h"
#include "tests/coordinator/buildkit/outputs/outputs_fixture.h"

namespace crossmill::coordinator::buildkit {
namespace {

using fsutil::types::Packet;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
namespace content = containerd::services::content::v1;

std::string HeaderOf(const grpc::ServerContext& context, const std::string& name) {
  const auto it = context.client_metadata().find(name);
  return it == context.client_metadata().end() ? "" : std::string(it->second.data(), it->second.size());
}

// FileSend as clients have it for an archive: the same name, another message.
class ArchiveTaker final : public grpc::Service {
 public:
  using Bytes = moby::filesync::v1::BytesMessage;
  ArchiveTaker() {
    using Stream = grpc::ServerReaderWriter<Bytes, Bytes>;
    AddMethod(new grpc::internal::RpcServiceMethod(
        "/moby.filesync.v1.FileSend/DiffCopy", grpc::internal::RpcMethod::BIDI_STREAMING,
        new grpc::internal::BidiStreamingHandler<ArchiveTaker, Bytes, Bytes>(
            [](ArchiveTaker* self, grpc::ServerContext* context, Stream* stream) {
              return self->Take(context, stream);
            },
            this)));
  }

  std::string archive, exporter, digest, name;
  // Sent instead of taking anything.
  grpc::Status refusal;
  // Reads nothing until it is cancelled.
  bool sleeps = false;

 private:
  grpc::Status Take(grpc::ServerContext* context, grpc::ServerReaderWriter<Bytes, Bytes>* stream) {
    if (!refusal.ok()) return refusal;
    exporter = HeaderOf(*context, "buildkit-attachable-exporter-id");
    digest = HeaderOf(*context, "exporter-md-containerimage.digest");
    name = HeaderOf(*context, "exporter-md-image.name");
    while (sleeps && !context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    Bytes message;
    while (stream->Read(&message)) archive += message.data();
    return grpc::Status::OK;
  }
};

// FileSend for a folder: takes the list, asks for every file.
class FolderTaker final : public moby::filesync::v1::FileSend::Service {
 public:
  grpc::Status DiffCopy(grpc::ServerContext* context,
                        grpc::ServerReaderWriter<Packet, Packet>* stream) override {
    several_platforms = HeaderOf(*context, "buildkit-exporter-multi-platform");
    std::vector<fsutil::types::Stat> entries;
    Packet packet;
    while (stream->Read(&packet) && packet.has_stat()) entries.push_back(packet.stat());
    for (size_t id = 0; id < entries.size(); ++id) {
      if ((entries[id].mode() & 0x8F280000) != 0 || !entries[id].linkname().empty()) continue;
      Packet request;
      request.set_type(Packet::PACKET_REQ);
      request.set_id(static_cast<uint32_t>(id) + skew);
      stream->Write(request);
      std::string data;
      while (stream->Read(&packet) && packet.type() == Packet::PACKET_DATA && !packet.data().empty())
        data += packet.data();
      contents[entries[id].path()] = data;
    }
    for (const auto& entry : entries) stats[entry.path()] = entry;
    Packet end;
    end.set_type(Packet::PACKET_FIN);
    stream->Write(end);
    finished = stream->Read(&packet) && packet.type() == Packet::PACKET_FIN;
    return grpc::Status::OK;
  }

  std::map<std::string, fsutil::types::Stat> stats;
  std::map<std::string, std::string> contents;
  std::string several_platforms;
  // Added to what is asked for.
  uint32_t skew = 0;
  bool finished = false;
};

// A store of blobs as containerd serves it.
class BlobTaker final : public content::Content::Service {
 public:
  grpc::Status Write(grpc::ServerContext* context,
                     grpc::ServerReaderWriter<content::WriteContentResponse, content::WriteContentRequest>*
                         stream) override {
    store = HeaderOf(*context, "buildkit-attachable-store-id");
    content::WriteContentRequest request;
    std::string data;
    while (stream->Read(&request)) {
      if (blobs.contains(request.expected())) return {grpc::StatusCode::ALREADY_EXISTS, "exists"};
      if (request.offset() != static_cast<int64_t>(data.size()))
        return {grpc::StatusCode::OUT_OF_RANGE, "offset"};
      data += request.data();
      content::WriteContentResponse response;
      response.set_action(request.action());
      response.set_offset(static_cast<int64_t>(data.size()));
      stream->Write(response);
      if (request.action() != content::COMMIT) continue;
      if (DigestOf(data).Oci() != request.expected()) return {grpc::StatusCode::DATA_LOSS, "digest"};
      order.push_back(request.expected());
      blobs[request.expected()] = data;
      // As containerd does.
      stream->Write(response);
      return grpc::Status::OK;
    }
    return grpc::Status::OK;
  }

  std::string store;
  std::map<std::string, std::string> blobs;
  std::vector<std::string> order;
};

class ClientOutputsTest : public OutputsFixture {
 protected:
  absl::StatusOr<std::map<std::string, std::string>> Run(const std::vector<grpc::Service*>& services,
                                                         const BuiltImage& image, const std::string& type,
                                                         std::map<std::string, std::string> attributes = {},
                                                         std::stop_token stop = {}) {
    ClientSessions sessions;
    ClientSession::Introduction introduction;
    introduction.id = "session";
    introduction.owner = "me";
    introduction.methods = {"/moby.filesync.v1.filesend/diffcopy", "/moby.filesync.v1.auth/credentials"};
    ServedBuildKitClient client(sessions, introduction, services);
    const auto session = sessions.Wait("session", "me", std::chrono::seconds(10), {});
    EXPECT_OK(session);
    if (!session.ok()) return session.status();
    CallerIdentity caller;
    caller.roles.at_socket = true;
    caller.roles.client = v1::ACCESS_ADMIN;
    auto response =
        RunExporter({3, type, std::move(attributes)}, image, caller, *session, services_, board_, stop);
    EXPECT_OK(client.End());
    return response;
  }
};

TEST_F(ClientOutputsTest, AnOciArchiveIsALayoutOfTheImage) {
  ArchiveTaker taker;
  const BuiltImage image = BuiltFor({"amd64", "arm64"});
  const auto response = Run({&taker}, image, "oci", {{"name", "team/app:1"}});
  ASSERT_OK(response);
  EXPECT_EQ(taker.exporter, "3");
  EXPECT_EQ(taker.digest, response->at("containerimage.digest"));
  EXPECT_EQ(taker.name, "docker.io/team/app:1");
  const auto store = MakeMemoryBlobStore();
  const auto imported = oci::ImportArchive(layer::SourceOf(taker.archive), *store);
  ASSERT_OK(imported);
  EXPECT_EQ(imported->root.Oci(), response->at("containerimage.digest"));
  EXPECT_THAT(board_.names, ElementsAre("exporting to oci image format"));
  EXPECT_THAT(board_.vertices[0]->done(), Contains("sending tarball"));
}

TEST_F(ClientOutputsTest, DockersArchiveSaysWhereThingsAreInTheLayout) {
  ArchiveTaker taker;
  const auto response = Run({&taker}, BuiltFor({"amd64"}), "docker", {{"name", "app"}});
  ASSERT_OK(response);
  EXPECT_THAT(taker.archive, HasSubstr(R"("RepoTags":["app:latest"])"));
  EXPECT_EQ(response->at("image.name"), "docker.io/library/app:latest");
  EXPECT_TRUE(response->contains("containerimage.config.digest"));
}

TEST_F(ClientOutputsTest, WhoeverHasTheArchiveAlreadyIsContent) {
  ArchiveTaker taker;
  taker.refusal = {grpc::StatusCode::ALREADY_EXISTS, "target already exists"};
  EXPECT_OK(Run({&taker}, BuiltFor({"amd64"}), "oci").status());
}

TEST_F(ClientOutputsTest, AClientThatCannotWriteSaysSo) {
  ArchiveTaker taker;
  taker.refusal = {grpc::StatusCode::INTERNAL, "no space left on device"};
  const auto response = Run({&taker}, BuiltFor({"amd64"}), "tar");
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("no space left on device"));
  EXPECT_THAT(board_.vertices[0]->error(), HasSubstr("no space left on device"));
}

TEST_F(ClientOutputsTest, AClientThatReadsNothingIsLeftWhenTheBuildIsCancelled) {
  ArchiveTaker taker;
  taker.sleeps = true;
  BuiltImage image = BuiltFor({"amd64"});
  // More than what waits on the way.
  const Digest large = oci::PutImage(*blobs_, "amd64", 64 << 20);
  image.platforms[0].manifest = large;
  std::stop_source stop;
  const std::jthread canceller([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const auto response = Run({&taker}, image, "oci", {}, stop.get_token());
  EXPECT_FALSE(response.ok());
  EXPECT_EQ(board_.vertices[0]->error(), "context canceled");
}

TEST_F(ClientOutputsTest, WithoutATarTheClientsStoreGetsTheBlobs) {
  BlobTaker taker;
  const BuiltImage image = BuiltFor({"amd64", "arm64"});
  const auto response = Run({&taker}, image, "oci", {{"tar", "false"}});
  ASSERT_OK(response);
  EXPECT_EQ(taker.store, "export");
  ASSERT_FALSE(taker.order.empty());
  // What is named comes before what names it.
  EXPECT_EQ(taker.order.back(), response->at("containerimage.digest"));
  EXPECT_THAT(taker.order, Contains(image.platforms[1].manifest.Oci()));
  EXPECT_OK(Run({&taker}, image, "oci", {{"tar", "false"}}).status());
}

TEST_F(ClientOutputsTest, AFolderHasTheTreeOfTheImage) {
  FolderTaker taker;
  ASSERT_OK(Run({&taker}, BuiltFor({"amd64"}), "local").status());
  EXPECT_TRUE(taker.finished);
  EXPECT_EQ(taker.contents.at("srv/app"), "the app of amd64");
  EXPECT_EQ(taker.stats.at("srv/app2").linkname(), "srv/app");
  EXPECT_FALSE(taker.stats.contains("bin/sh"));
  EXPECT_NE(taker.stats.at("srv").mode() & (1u << 31), 0u);
  EXPECT_EQ(taker.several_platforms, "");
}

TEST_F(ClientOutputsTest, EachPlatformHasAFolderOfItsOwn) {
  FolderTaker taker;
  ASSERT_OK(Run({&taker}, BuiltFor({"amd64", "arm64"}), "local").status());
  EXPECT_EQ(taker.contents.at("linux_amd64/srv/app"), "the app of amd64");
  EXPECT_EQ(taker.contents.at("linux_arm64/srv/app"), "the app of arm64");
  EXPECT_EQ(taker.stats.at("linux_arm64/srv/app2").linkname(), "linux_arm64/srv/app");
}

TEST_F(ClientOutputsTest, WhoeverRemovesOthersGetsAllPlatformsAtOnce) {
  FolderTaker taker;
  ASSERT_OK(Run({&taker}, BuiltFor({"amd64", "arm64"}), "local", {{"mode", "delete"}}).status());
  EXPECT_EQ(taker.several_platforms, "1");
  EXPECT_TRUE(taker.stats.contains("linux_amd64/srv/app"));
  EXPECT_TRUE(taker.stats.contains("linux_arm64/srv/app"));
}

TEST_F(ClientOutputsTest, TwoPlatformsDoNotOverwriteEachOther) {
  FolderTaker taker;
  const auto response = Run({&taker}, BuiltFor({"amd64", "arm64"}), "local", {{"platform-split", "false"}});
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("cannot overwrite"));
}

TEST_F(ClientOutputsTest, AClientThatAsksForWhatItWasNotOfferedIsLeft) {
  FolderTaker taker;
  taker.skew = 1000;
  const auto response = Run({&taker}, BuiltFor({"amd64"}), "local");
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("which it was not offered"));
}

TEST_F(ClientOutputsTest, ATarHoldsTheTree) {
  ArchiveTaker taker;
  ASSERT_OK(Run({&taker}, BuiltFor({"amd64"}), "tar").status());
  EXPECT_THAT(taker.archive, HasSubstr("the app of amd64"));
}

// What waits in a file takes room of the disk first, and none that is not there.
TEST_F(ClientOutputsTest, ContentsThatWaitTakeRoomOfTheDisk) {
  const BuiltImage image = BuiltFor({"amd64", "arm64"});
  int64_t taken = 0;
  int64_t most = 1 << 20;
  services_.take_room = [&](int64_t bytes) -> absl::Status {
    if (taken + bytes > most) return absl::ResourceExhaustedError("the coordinator's disk has no room");
    taken += bytes;
    return absl::OkStatus();
  };
  FolderTaker folder;
  ASSERT_OK(Run({&folder}, image, "local").status());
  EXPECT_GE(taken, static_cast<int64_t>(2 * std::string("the app of amd64").size()));
  most = taken;
  for (const std::string type : {"local", "tar"}) {
    FolderTaker files;
    ArchiveTaker archive;
    const auto refused = type == "tar" ? Run({&archive}, image, type) : Run({&files}, image, type);
    EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << type << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("the coordinator's disk has no room"));
    EXPECT_EQ(board_.vertices.back()->error(), refused.status().message());
  }
}

TEST_F(ClientOutputsTest, APushTakesTheClientsCredentials) {
  const BuiltImage image = BuiltFor({"amd64"});
  const auto response =
      Run({}, image, "image", {{"name", "registry.example/app:1,docker.io/team/app"}, {"push", "true"}});
  ASSERT_OK(response);
  // Of the last name's registry; they stay with the client until a registry asks.
  ASSERT_EQ(source_.credentials.size(), 1u);
  EXPECT_EQ(source_.credentials[0].first, "docker.io");
  EXPECT_NE(source_.credentials[0].second.keeper, nullptr);
  EXPECT_EQ(source_.tags["registry.example/app:1"], image.platforms[0].manifest);
  EXPECT_EQ(response->at("image.name"), "registry.example/app:1,docker.io/team/app");
  // The farm knows it by the names, too.
  EXPECT_OK(images_.Get("registry.example/app:1").status());
  EXPECT_THAT(board_.vertices[0]->done(), Contains("naming to docker.io/team/app:latest"));
}

TEST_F(ClientOutputsTest, APushByDigestNamesNothing) {
  const BuiltImage image = BuiltFor({"amd64"});
  ASSERT_OK(Run({}, image, "image",
                {{"name", "registry.example/app"},
                 {"push", "true"},
                 {"push-by-digest", "true"},
                 {"name-canonical", "true"}})
                .status());
  EXPECT_TRUE(source_.pushed_with.by_digest);
  EXPECT_FALSE(images_.Get("registry.example/app").ok());
  EXPECT_OK(images_.Get(image.platforms[0].manifest.Oci()).status());
}

TEST_F(ClientOutputsTest, WhatRegistriesSayOfAPushIsSaid) {
  source_.down = absl::PermissionDeniedError("registry.example: denied");
  const auto response =
      Run({}, BuiltFor({"amd64"}), "image", {{"name", "registry.example/app"}, {"push", "true"}});
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()),
              testing::AllOf(HasSubstr("failed to push registry.example/app"), HasSubstr("denied")));
}

TEST_F(ClientOutputsTest, AttestationsNeedAFarmThatMakesThem) {
  BuiltImage image = BuiltFor({"amd64"});
  image.attestations["provenance"] = "mode=max";
  const auto response = Run({}, image, "image");
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("--provenance=false"));
}

TEST_F(ClientOutputsTest, AnotherEpochThanTheBuildsIsRefused) {
  const BuiltImage image = BuiltFor({"amd64"});
  EXPECT_OK(Run({}, image, "image", {{"source-date-epoch", "1200000000"}}).status());
  const auto response = Run({}, image, "image", {{"source-date-epoch", "5"}});
  ASSERT_FALSE(response.ok());
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("--build-arg SOURCE_DATE_EPOCH=5"));
}

TEST(FolderStatTest, ModesAreThoseOfGo) {
  layer::TarEntry entry;
  entry.path = "a";
  entry.mode = 04755;
  entry.size = 3;
  entry.mtime = 7;
  const auto file = StatOf(entry, "linux_amd64");
  EXPECT_EQ(file.path(), "linux_amd64/a");
  // Without setuid: its owner becomes whoever runs the client.
  EXPECT_EQ(file.mode(), 0755u);
  EXPECT_EQ(file.size(), 3);
  EXPECT_EQ(file.mod_time(), 7'000'000'000);
  entry.type = layer::EntryType::kSymlink;
  entry.link = "../b";
  EXPECT_EQ(StatOf(entry, "p").linkname(), "../b");
  EXPECT_EQ(StatOf(entry, "").mode(), (1u << 27) | 0755u);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
