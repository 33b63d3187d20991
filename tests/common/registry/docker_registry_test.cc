// The registry client against a real registry on loopback.
#include "tests/common/registry/docker_registry.h"

#include <gtest/gtest.h>

#include "common/http/curl_http_client.h"
#include "common/oci/base_layers.h"
#include "common/registry/image_pull.h"
#include "common/registry/image_push.h"
#include "tests/common/layer/command.h"
#include "tests/common/oci/sample_image.h"

namespace crossmill::registry {
namespace {

class DockerRegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Exists(DockerRegistry::kProgram)) GTEST_SKIP() << "docker-registry is not installed";
  }

  RegistryOptions Options() {
    RegistryOptions options;
    options.first_wait = absl::Milliseconds(1);
    return options;
  }

  std::unique_ptr<http::HttpClient> http_ = http::MakeCurlHttpClient();
  std::unique_ptr<BlobStore> store_ = MakeMemoryBlobStore();
};

TEST_F(DockerRegistryTest, PushedImageIsPulledWithTheSameBytes) {
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  const Digest root = oci::PutIndex(*store_, 3 << 20);
  ASSERT_OK((*registry)->Push(*http_, *store_, root, "team/app", "1"));
  RegistryClient client(*http_, Options());
  auto target = MakeMemoryBlobStore();
  const oci::Reference reference = *oci::ParseReference((*registry)->host() + "/team/app:1");
  int64_t most = 0;
  PullOptions options;
  options.on_progress = [&most](const Digest&, int64_t done) { most = std::max(most, done); };
  auto pulled = PullImage(client, reference, *target, options);
  ASSERT_OK(pulled);
  EXPECT_EQ(pulled->root, root);
  EXPECT_GT(most, 3 << 20);
  EXPECT_EQ(DigestOf(oci::LayoutOf(*target, root)), DigestOf(oci::LayoutOf(*store_, root)));
  EXPECT_OK(oci::PinImage(*target, root, oci::LinuxPlatform("arm64")));
}

// Breaks every transfer after a megabyte.
class BreakingHttpClient final : public http::HttpClient {
 public:
  explicit BreakingHttpClient(http::HttpClient& inner) : inner_(inner) {}
  absl::StatusOr<http::HttpResponse> Send(const http::HttpRequest& request,
                                          const http::BodySink& sink) override {
    size_t left = 1 << 20;
    return inner_.Send(request, [&](const http::HttpResponse& head, std::string_view bytes) {
      const std::string_view piece = bytes.substr(0, left);
      left -= piece.size();
      RETURN_IF_ERROR(sink(head, piece));
      if (piece.size() == bytes.size()) return absl::OkStatus();
      ++breaks_;
      return absl::UnavailableError("the connection broke");
    });
  }
  int breaks() const { return breaks_; }

 private:
  http::HttpClient& inner_;
  int breaks_ = 0;
};

TEST_F(DockerRegistryTest, BrokenTransferGoesOnWhereItWas) {
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  const Digest root = oci::PutImage(*store_, "amd64", 3 << 20);
  ASSERT_OK((*registry)->Push(*http_, *store_, root, "app", "1"));
  BreakingHttpClient breaking(*http_);
  RegistryOptions options = Options();
  options.attempts = 2;
  RegistryClient client(breaking, options);
  auto target = MakeMemoryBlobStore();
  PullOptions pull;
  pull.connections = 1;
  ASSERT_OK(PullImage(client, *oci::ParseReference((*registry)->host() + "/app:1"), *target, pull));
  EXPECT_EQ(breaking.breaks(), 3);
}

TEST_F(DockerRegistryTest, DockerMediaTypesAreUnderstood) {
  if (layer::RunCommand({"which", "skopeo"})->exit_code != 0) GTEST_SKIP() << "skopeo is not installed";
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const Digest root = oci::PutIndex(*store_);
  ASSERT_OK(WriteFileAtomic(folder->Path("image.tar"), oci::LayoutOf(*store_, root, {"app:1"})));
  auto copy = layer::RunCommand({"skopeo", "copy", "-q", "--all", "--format", "v2s2",
                                 "--dest-tls-verify=false", "oci-archive:" + folder->Path("image.tar") + ":1",
                                 "docker://" + (*registry)->host() + "/app:docker"});
  ASSERT_OK(copy);
  ASSERT_EQ(copy->exit_code, 0) << copy->stderr_text;
  RegistryClient client(*http_, Options());
  auto target = MakeMemoryBlobStore();
  auto pulled = PullImage(client, *oci::ParseReference((*registry)->host() + "/app:docker"), *target);
  ASSERT_OK(pulled);
  EXPECT_EQ(pulled->media_type, oci::media_type::kDockerIndex);
  auto pinned = oci::PinImage(*target, pulled->root, oci::LinuxPlatform("amd64"));
  auto original = oci::PinImage(*store_, root, oci::LinuxPlatform("amd64"));
  ASSERT_OK(pinned);
  EXPECT_EQ(pinned->layers(1).tar().hash(), original->layers(1).tar().hash());
}

TEST_F(DockerRegistryTest, ErrorsOfARealRegistryAreExplained) {
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  RegistryClient client(*http_, Options());
  auto missing = client.GetManifest(*oci::ParseReference((*registry)->host() + "/no/such:tag"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound) << missing.status();
  const std::string host = (*registry)->host();
  registry->reset();
  auto gone = client.GetManifest(*oci::ParseReference(host + "/no/such:tag"));
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kUnavailable) << gone.status();
  EXPECT_NE(Sv(gone.status().message()).find("registry " + host), std::string_view::npos) << gone.status();
}

TEST_F(DockerRegistryTest, CorruptedBlobIsNoticed) {
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  const Digest root = oci::PutImage(*store_, "amd64");
  ASSERT_OK((*registry)->Push(*http_, *store_, root, "app", "1"));
  const Digest layer = oci::ParseImageManifest(*store_->Get(root))->layers[0].digest;
  const std::string path = fmt::format("{}/data/docker/registry/v2/blobs/sha256/{}/{}/data",
                                       (*registry)->folder(), layer.hash.substr(0, 2), layer.hash);
  auto bytes = ReadFile(path);
  ASSERT_OK(bytes);
  (*bytes)[bytes->size() / 2] ^= 1;
  ASSERT_OK(WriteFileAtomic(path, *bytes));
  RegistryClient client(*http_, Options());
  auto target = MakeMemoryBlobStore();
  auto pulled = PullImage(client, *oci::ParseReference((*registry)->host() + "/app:1"), *target);
  EXPECT_EQ(pulled.status().code(), absl::StatusCode::kDataLoss) << pulled.status();
  EXPECT_FALSE(target->Has(layer));
}

TEST_F(DockerRegistryTest, BasicAuthorizationIsUsed) {
  // u:p
  auto registry =
      DockerRegistry::Start(*http_, "u:$2b$04$aZOITf72cXVf.jZiyPhvP.NwVHG8W0Y1cHnG5xscao.oEPIVMxRuW\n");
  ASSERT_OK(registry);
  const Digest root = oci::PutImage(*store_, "amd64");
  ASSERT_OK((*registry)->Push(*http_, *store_, root, "app", "1", BasicAuthorization({"u", "p", ""})));
  const oci::Reference reference = *oci::ParseReference((*registry)->host() + "/app:1");
  RegistryClient anonymous(*http_, Options());
  auto denied = anonymous.GetManifest(reference);
  EXPECT_EQ(denied.status().code(), absl::StatusCode::kPermissionDenied) << denied.status();
  RegistryOptions options = Options();
  options.credentials =
      *CredentialFile::Parse(R"({"auths":{")" + (*registry)->host() + R"(":{"auth":"dTpw"}}})");
  RegistryClient known(*http_, options);
  auto target = MakeMemoryBlobStore();
  EXPECT_OK(PullImage(known, reference, *target));
}

TEST_F(DockerRegistryTest, PushGivesTheSameBytesAndTheSecondSendsNothing) {
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  const Digest root = oci::PutIndex(*store_, 3 << 20);
  RegistryOptions options = Options();
  options.chunk_bytes = 1 << 20;
  RegistryClient client(*http_, options);
  const oci::Reference reference = *oci::ParseReference((*registry)->host() + "/team/app:1");
  int sent = 0;
  int existed = 0;
  PushOptions push;
  push.on_progress = [&](const Digest& blob, int64_t done, bool was_there) {
    if (done != blob.size) return;
    if (was_there) ++existed;
    if (!was_there) ++sent;
  };
  auto pushed = PushImage(client, reference, *store_, root, push);
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, root);
  EXPECT_EQ(existed, 0);
  auto target = MakeMemoryBlobStore();
  ASSERT_OK(PullImage(client, reference, *target));
  EXPECT_EQ(DigestOf(oci::LayoutOf(*target, root)), DigestOf(oci::LayoutOf(*store_, root)));
  sent = 0;
  ASSERT_OK(PushImage(client, reference, *store_, root, push));
  EXPECT_EQ(sent, 0);
  EXPECT_EQ(existed, 5);  // Two configs, one shared layer, two others.
  // Another repository of the same registry takes them from the first.
  PushOptions mount;
  const auto walked = oci::WalkImage(*store_, root);
  for (const oci::Descriptor& blob : walked->contents) mount.mount_from[blob.digest.hash] = "team/app";
  int mounted = 0;
  mount.on_progress = [&](const Digest&, int64_t, bool was_there) { mounted += was_there ? 1 : 0; };
  ASSERT_OK(PushImage(client, *oci::ParseReference((*registry)->host() + "/other:2"), *store_, root, mount));
  EXPECT_EQ(mounted, 5);
}

// Breaks the first two chunks after a megabyte and a half.
class BreakingUploads final : public http::HttpClient {
 public:
  explicit BreakingUploads(http::HttpClient& inner) : inner_(inner) {}
  absl::StatusOr<http::HttpResponse> Send(const http::HttpRequest& request,
                                          const http::BodySink& sink) override {
    http::HttpRequest broken = request;
    if (request.body_source && request.method == "PATCH") {
      broken.body_source = [&](int64_t offset, char* buffer, size_t size) -> absl::StatusOr<size_t> {
        if (offset >= 3 << 19 && breaks < 2) {
          ++breaks;
          return absl::UnavailableError("the connection broke");
        }
        return request.body_source(offset, buffer, std::min<size_t>(size, 64 << 10));
      };
    }
    return inner_.Send(broken, sink);
  }
  int breaks = 0;

 private:
  http::HttpClient& inner_;
};

// This registry ends a session that broke within a chunk (it does not take up an upload at another offset
// than the one it told last): a new one has to be begun.
TEST_F(DockerRegistryTest, BrokenPushIsMended) {
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  const Digest root = oci::PutImage(*store_, "amd64", 4 << 20);
  BreakingUploads breaking(*http_);
  RegistryOptions options = Options();
  options.attempts = 4;
  options.chunk_bytes = 2 << 20;
  options.whole_bytes = 0;
  options.first_wait = absl::Milliseconds(100);
  RegistryClient client(breaking, options);
  PushOptions push;
  push.connections = 1;
  const oci::Reference reference = *oci::ParseReference((*registry)->host() + "/app:1");
  ASSERT_OK(PushImage(client, reference, *store_, root, push));
  EXPECT_EQ(breaking.breaks, 2);
  auto target = MakeMemoryBlobStore();
  RegistryClient clean(*http_, Options());
  ASSERT_OK(PullImage(clean, reference, *target));
  EXPECT_EQ(DigestOf(oci::LayoutOf(*target, root)), DigestOf(oci::LayoutOf(*store_, root)));
}

TEST_F(DockerRegistryTest, OnePlatformIsPushedAsItsManifestAndSkopeoReadsIt) {
  if (layer::RunCommand({"which", "skopeo"})->exit_code != 0) GTEST_SKIP() << "skopeo is not installed";
  auto registry = DockerRegistry::Start(*http_);
  ASSERT_OK(registry);
  const Digest root = oci::PutIndex(*store_);
  RegistryClient client(*http_, Options());
  PushOptions push;
  push.platforms = {oci::LinuxPlatform("arm64")};
  auto pushed =
      PushImage(client, *oci::ParseReference((*registry)->host() + "/app:arm"), *store_, root, push);
  ASSERT_OK(pushed);
  EXPECT_EQ(*pushed, oci::ParseImageIndex(*store_->Get(root))->manifests[1].digest);
  auto inspected = layer::RunCommand(
      {"skopeo", "inspect", "--tls-verify=false", "--raw", "docker://" + (*registry)->host() + "/app:arm"});
  ASSERT_OK(inspected);
  EXPECT_EQ(inspected->stdout_text, *store_->Get(*pushed)) << inspected->stderr_text;
}

}  // namespace
}  // namespace crossmill::registry
