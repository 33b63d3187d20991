#include "coordinator/rpc/images_service.h"

#include <gmock/gmock.h>

#include "common/rpc/status_proto.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/fake_image_source.h"
#include "tests/support/memory_image_records.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill {
namespace {

using rpc::FromGrpc;

class ImagesServiceTest : public RpcFixture {
 protected:
  std::vector<coordinator::ServedService> MoreServices() override {
    return {{"crossmill.v1.Images", &service_}};
  }
  std::unique_ptr<v1::Images::Stub> Stub() { return v1::Images::NewStub(UnixChannel()); }

  coordinator::MemoryImageRecords records_;
  coordinator::FakeImageSource source_;
  coordinator::ImageStore images_{*blobs_, records_, source_, clock_};
  coordinator::ImagesService service_{images_, authenticator_};
};

TEST_F(ImagesServiceTest, ImportListAndGet) {
  auto remote = Remote();
  v1::ImportImageRequest request;
  request.set_name("python:3.11");
  request.set_stand_in(true);
  const Digest root = oci::PutIndex(*remote);
  ToProto(root, request.mutable_root());
  v1::ImageView view;
  grpc::ClientContext import_context;
  ASSERT_OK(FromGrpc(Stub()->ImportImage(&import_context, request, &view)));
  EXPECT_EQ(view.name(), "python:3.11");
  EXPECT_EQ(view.platforms_size(), 2);
  EXPECT_TRUE(view.stand_in());
  EXPECT_GT(view.size_bytes(), 0);

  v1::ListImagesResponse list;
  grpc::ClientContext list_context;
  ASSERT_OK(FromGrpc(Stub()->ListImages(&list_context, {}, &list)));
  ASSERT_EQ(list.images_size(), 1);
  EXPECT_EQ(list.images(0).digest(), root.Oci());

  v1::GetImageRequest get;
  get.set_name("docker.io/library/python:3.11");
  v1::GetImageResponse image;
  grpc::ClientContext get_context;
  ASSERT_OK(FromGrpc(Stub()->GetImage(&get_context, get, &image)));
  EXPECT_EQ(FromProto(image.root()), root);
  get.set_name("other");
  grpc::ClientContext other_context;
  EXPECT_TRUE(absl::IsNotFound(FromGrpc(Stub()->GetImage(&other_context, get, &image))));
}

TEST_F(ImagesServiceTest, ImagesAreListedByPages) {
  for (const char* name : {"e", "b", "d", "a", "c"}) {
    coordinator::ImageRecord record;
    record.name = name;
    record.root = DigestOf(name);
    ASSERT_OK(records_.PutImage(record));
  }
  v1::ListImagesRequest request;
  request.set_page_size(2);
  std::string names;
  std::vector<int> pages;
  do {
    v1::ListImagesResponse page;
    grpc::ClientContext context;
    ASSERT_OK(FromGrpc(Stub()->ListImages(&context, request, &page)));
    for (const v1::ImageView& image : page.images()) names += image.name();
    pages.push_back(page.images_size());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(names, "abcde");
  EXPECT_EQ(pages, (std::vector<int>{2, 2, 1}));
  request.set_page_size(-1);
  v1::ListImagesResponse refused;
  grpc::ClientContext context;
  EXPECT_TRUE(absl::IsInvalidArgument(FromGrpc(Stub()->ListImages(&context, request, &refused))));
}

TEST_F(ImagesServiceTest, PullStreamsProgressAndEndsWithTheImage) {
  source_.Publish("docker.io/library/python:3.11", oci::PutIndex(*source_.blobs, 2'000'000));
  v1::PullImageRequest request;
  request.set_reference("python:3.11");
  *request.add_platforms() = oci::LinuxPlatform("arm64");
  grpc::ClientContext context;
  auto stub = Stub();
  auto stream = stub->PullImage(&context, request);
  std::vector<v1::PullProgress> received;
  v1::PullProgress message;
  while (stream->Read(&message)) received.push_back(message);
  ASSERT_OK(FromGrpc(stream->Finish()));
  ASSERT_GE(received.size(), 4u);
  EXPECT_EQ(received.back().image().platforms_size(), 1);
  EXPECT_FALSE(received.front().has_image());
}

TEST_F(ImagesServiceTest, PushStreamsProgressAndEndsWithTheDigest) {
  ASSERT_OK(images_.Import("app:1", oci::PutIndex(*blobs_), false));
  v1::PushImageRequest request;
  request.set_name("app:1");
  request.set_reference("r.example/app:2");
  v1::RegistryCredentials* credentials = request.add_credentials();
  credentials->set_registry("r.example");
  credentials->set_identity_token("token");
  grpc::ClientContext context;
  auto stub = Stub();
  auto stream = stub->PushImage(&context, request);
  std::vector<v1::PushProgress> received;
  v1::PushProgress message;
  while (stream->Read(&message)) received.push_back(message);
  ASSERT_OK(FromGrpc(stream->Finish()));
  ASSERT_GE(received.size(), 2u);
  EXPECT_EQ(received.back().pushed_digest(), images_.Get("app:1")->root.Oci());
  EXPECT_EQ(received.front().done_bytes(), received.front().total_bytes());
  EXPECT_EQ(source_.credentials.at(0).second.identity_token, "token");
}

TEST_F(ImagesServiceTest, RemovedImagesAreGone) {
  ASSERT_OK(images_.Import("app:1", oci::PutIndex(*blobs_), false));
  v1::RemoveImageRequest request;
  request.add_names("app:1");
  v1::RemoveImageResponse response;
  auto stub = Stub();
  grpc::ClientContext context;
  ASSERT_OK(FromGrpc(stub->RemoveImage(&context, request, &response)));
  ASSERT_EQ(response.removed_size(), 1);
  EXPECT_EQ(response.removed(0).name(), "app:1");
  grpc::ClientContext again;
  EXPECT_TRUE(absl::IsNotFound(FromGrpc(stub->RemoveImage(&again, request, &response))));
}

TEST_F(ImagesServiceTest, StatementsAboutAnImageComeFromItsRegistry) {
  source_.tags["r.example/app:1"] = DigestOf("index");
  source_.statements = {{"sha256:s", "application/vnd.in-toto+json", "{}", true}};
  v1::ReadStatementsRequest request;
  request.set_reference("r.example/app:1");
  request.set_predicate("https://slsa.dev/provenance/");
  request.add_credentials()->set_registry("r.example");
  v1::ReadStatementsResponse response;
  auto stub = Stub();
  grpc::ClientContext context;
  ASSERT_OK(FromGrpc(stub->ReadStatements(&context, request, &response)));
  EXPECT_EQ(response.digest(), DigestOf("index").Oci());
  ASSERT_EQ(response.statements_size(), 1);
  EXPECT_EQ(response.statements(0).document(), "{}");
  EXPECT_TRUE(response.statements(0).in_index());
  EXPECT_EQ(source_.asked_predicate, "https://slsa.dev/provenance/");
  EXPECT_EQ(source_.credentials.size(), 1u);
  grpc::ClientContext refused;
  auto worker = v1::Images::NewStub(TcpChannel(kWorkerToken));
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(worker->ReadStatements(&refused, request, &response))));
}

TEST_F(ImagesServiceTest, WorkerTokenMayNotTouchImages) {
  auto stub = v1::Images::NewStub(TcpChannel(kWorkerToken));
  v1::ImageView view;
  v1::ListImagesResponse list;
  v1::GetImageResponse image;
  v1::RemoveImageResponse removed;
  grpc::ClientContext contexts[6];
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(stub->ImportImage(&contexts[0], {}, &view))));
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(stub->ListImages(&contexts[1], {}, &list))));
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(stub->GetImage(&contexts[2], {}, &image))));
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(stub->RemoveImage(&contexts[4], {}, &removed))));
  auto push = stub->PushImage(&contexts[5], {});
  v1::PushProgress pushed;
  EXPECT_FALSE(push->Read(&pushed));
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(push->Finish())));
  auto stream = stub->PullImage(&contexts[3], {});
  v1::PullProgress progress;
  EXPECT_FALSE(stream->Read(&progress));
  EXPECT_TRUE(absl::IsPermissionDenied(FromGrpc(stream->Finish())));
}

}  // namespace
}  // namespace crossmill
