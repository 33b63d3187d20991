// The whole command line on a coordinator and an environment that the test plays.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/commands/app.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/oci/image.h"
#include "tests/cli/fake_coordinator.h"
#include "tests/cli/fake_environment.h"
#include "tests/cli/sample_build.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {

// A one-layer image in the coordinator's store.
inline Digest PutImage(BlobStore& store) {
  const std::string layer(1024, '\0');
  const Digest layer_digest = *store.PutBytes(layer);
  const Digest config =
      *store.PutBytes(R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[")" +
                      layer_digest.Oci() + R"("]}})");
  oci::ImageManifest manifest;
  manifest.config = {std::string(oci::media_type::kOciConfig), config, std::nullopt, {}};
  manifest.layers = {{std::string(oci::media_type::kOciLayer), layer_digest, std::nullopt, {}}};
  return *store.PutBytes(oci::WriteImageManifest(manifest));
}

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() : folder_(*TemporaryFolder::Create()) {
    env_.variables["XDG_CACHE_HOME"] = folder_.Path("cache");
    EXPECT_OK(MakeFolders(folder_.Path("context")));
    EXPECT_OK(WriteFileAtomic(Context("Dockerfile"), "FROM scratch\nCOPY app /\n"));
    EXPECT_OK(WriteFileAtomic(Context("app"), "app"));
    coordinator_.view = SampleReport().build;
    coordinator_.packages = SampleReport().packages;
    coordinator_.fetches = SampleReport().fetches;
    coordinator_.fetch_hosts = SampleReport().fetch_hosts;
  }

  std::string Context(const std::string& name) { return folder_.Path("context/" + name); }
  int Run(std::vector<std::string> arguments) {
    env_.out.clear();
    return RunCrossmill(arguments, env_);
  }
  int Build(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"build", folder_.Path("context")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  void AddStatus(v1::BuildStatus status) {
    v1::BuildEvent event;
    event.mutable_status_changed()->set_status(status);
    coordinator_.events.push_back(event);
  }
  void BuildSucceeds() {
    AddStatus(v1::BUILD_STATUS_PLANNING);
    AddStatus(v1::BUILD_STATUS_RUNNING);
    AddStatus(v1::BUILD_STATUS_SUCCEEDED);
  }
  Json OutJson() {
    const auto json = ParseJson(env_.out);
    EXPECT_OK(json);
    return json.ok() ? *json : Json();
  }

  TemporaryFolder folder_;
  FakeCoordinator coordinator_;
  FakeEnvironment env_{coordinator_};
};

}  // namespace crossmill::cli
