#include "cli/recipe/build_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "cli/commands/app.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/cli/fake_coordinator.h"
#include "tests/cli/fake_environment.h"
#include "tests/common/http/scripted_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::cli {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// `crossmill build --detach` against a coordinator that takes every submission.
class BuildContextTest : public testing::Test {
 protected:
  BuildContextTest() {
    env_.variables["XDG_CACHE_HOME"] = folder_.Path("cache");
    // Where temporary folders are made.
    EXPECT_OK(MakeFolders(folder_.Path("tmp")));
    setenv("TMPDIR", folder_.Path("tmp").c_str(), 1);
  }
  ~BuildContextTest() override {
    unsetenv("TMPDIR");
    EXPECT_TRUE(std::filesystem::is_empty(folder_.Path("tmp"))) << "a temporary folder is left";
  }

  std::string Write(const std::string& name, std::string_view content) {
    const std::string path = folder_.Path(name);
    EXPECT_OK(MakeFolders(path.substr(0, path.rfind('/'))));
    EXPECT_OK(WriteFileAtomic(path, content));
    return path;
  }

  int Build(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"build", "--detach", "--progress", "plain"});
    return RunCrossmill(arguments, env_);
  }
  const v1::Recipe& recipe() { return coordinator_.submitted.submission().recipe(); }

  // "name" or "folder/" of a tree, with what is in it, in order.
  std::vector<std::string> List(const Digest& root, const std::string& prefix = "") {
    std::vector<std::string> names;
    reapi::Directory directory;
    EXPECT_TRUE(directory.ParseFromString(*coordinator_.blobs().Get(root)));
    for (const auto& file : directory.files()) names.push_back(prefix + file.name());
    for (const auto& link : directory.symlinks())
      names.push_back(prefix + link.name() + " -> " + link.target());
    for (const auto& child : directory.directories()) {
      names.push_back(prefix + child.name() + "/");
      for (std::string& below : List(FromProto(child.digest()), prefix + child.name() + "/")) {
        names.push_back(std::move(below));
      }
    }
    return names;
  }
  std::vector<std::string> Context() { return List(FromProto(recipe().context_root())); }

  void Git(const std::string& folder, std::vector<std::string> arguments) {
    ProcessOptions options;
    options.argv = {"git", "-c", "user.name=A", "-c", "user.email=a@example.com"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.working_folder = folder;
    const auto result = RunProcess(options);
    EXPECT_TRUE(result.ok() && result->exit_code == 0);
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  FakeCoordinator coordinator_;
  FakeEnvironment env_{coordinator_};
};

std::string Respond(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", body.size(),
                     body);
}

std::string SampleTar() {
  return TarText()
      .Add("sub", layer::EntryType::kDirectory)
      .Add("sub/Other", layer::EntryType::kFile, "FROM scratch\nLABEL other=1\n")
      .Add("Dockerfile", layer::EntryType::kFile, "FROM scratch\nCOPY . /\n")
      .Add(".dockerignore", layer::EntryType::kFile, "secret\n")
      .Add("secret", layer::EntryType::kFile, "s")
      .Finish();
}

TEST_F(BuildContextTest, ATarOnStandardInputIsTheContext) {
  env_.input = SampleTar();
  ASSERT_EQ(Build({"-"}), 0) << env_.err();
  // As BuildKit: an archive is taken as it is.
  EXPECT_THAT(Context(), ElementsAre(".dockerignore", "Dockerfile", "secret", "sub/", "sub/Other"));
  EXPECT_EQ(recipe().dockerfile(), "FROM scratch\nCOPY . /\n");
  EXPECT_EQ(recipe().dockerfile_name(), "Dockerfile");
}

TEST_F(BuildContextTest, ADockerfileInsideTheTar) {
  env_.input = SampleTar();
  ASSERT_EQ(Build({"-f", "sub/Other", "-"}), 0) << env_.err();
  EXPECT_EQ(recipe().dockerfile(), "FROM scratch\nLABEL other=1\n");
  EXPECT_EQ(recipe().dockerfile_name(), "sub/Other");
}

TEST_F(BuildContextTest, ADockerfileOutsideOfTheTarIsRefused) {
  env_.input = TarText().AddLink("Dockerfile", layer::EntryType::kSymlink, "/etc/passwd").Finish();
  EXPECT_NE(Build({"-"}), 0);
  EXPECT_THAT(env_.err(), HasSubstr("leads out of the context"));
}

TEST_F(BuildContextTest, ADockerfileOnStandardInputHasAnEmptyContext) {
  env_.input = "FROM scratch\nLABEL a=b\n";
  ASSERT_EQ(Build({"-"}), 0) << env_.err();
  EXPECT_THAT(Context(), IsEmpty());
  EXPECT_EQ(recipe().dockerfile(), env_.input);
}

TEST_F(BuildContextTest, StandardInputCanBeOnlyOneThing) {
  env_.input = "FROM scratch\n";
  EXPECT_EQ(Build({"-f", "-", "-"}), 2);
  EXPECT_EQ(Build({"-f", "Other", "-"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("-f Other names another"));
}

TEST_F(BuildContextTest, ADockerfileOnStandardInputWithAFolder) {
  Write("context/file", "x");
  Write("context/hidden", "x");
  Write("context/.dockerignore", "hidden\n");
  env_.input = "FROM scratch\nCOPY file /\n";
  ASSERT_EQ(Build({"-f", "-", folder_.Path("context")}), 0) << env_.err();
  EXPECT_THAT(Context(), ElementsAre(".dockerignore", "file"));
  EXPECT_EQ(recipe().dockerfile(), env_.input);
  EXPECT_EQ(recipe().ignore_file_name(), ".dockerignore");
}

TEST_F(BuildContextTest, TheIgnoreFileOfTheDockerfileComesFirstAlsoOutsideOfTheContext) {
  Write("context/a", "x");
  Write("context/b", "x");
  Write("context/.dockerignore", "a\n");
  const std::string dockerfile = Write("elsewhere/My.Dockerfile", "FROM scratch\n");
  Write("elsewhere/My.Dockerfile.dockerignore", "b\n");
  ASSERT_EQ(Build({"-f", dockerfile, folder_.Path("context")}), 0) << env_.err();
  EXPECT_THAT(Context(), ElementsAre(".dockerignore", "a"));
}

TEST_F(BuildContextTest, DockerfileMayBeWrittenSmall) {
  Write("context/dockerfile", "FROM scratch\n");
  ASSERT_EQ(Build({folder_.Path("context")}), 0) << env_.err();
  EXPECT_EQ(recipe().dockerfile_name(), "dockerfile");
  EXPECT_EQ(recipe().dockerfile(), "FROM scratch\n");
}

TEST_F(BuildContextTest, AUrlOfAnArchiveOrOfADockerfile) {
  http::ScriptedServer server([](const std::string& request) {
    return Respond(request.starts_with("GET /tar") ? SampleTar() : "FROM scratch\nLABEL plain=1\n");
  });
  ASSERT_EQ(Build({server.Url("/tar")}), 0) << env_.err();
  EXPECT_THAT(Context(), ElementsAre(".dockerignore", "Dockerfile", "secret", "sub/", "sub/Other"));
  ASSERT_EQ(Build({server.Url("/plain")}), 0) << env_.err();
  EXPECT_THAT(Context(), ElementsAre("context"));
  EXPECT_EQ(recipe().dockerfile(), "FROM scratch\nLABEL plain=1\n");
  Write("context/file", "x");
  ASSERT_EQ(Build({"-f", server.Url("/plain"), folder_.Path("context")}), 0) << env_.err();
  EXPECT_EQ(recipe().dockerfile(), "FROM scratch\nLABEL plain=1\n");
  EXPECT_THAT(Context(), ElementsAre("file"));
}

// Serves a bare copy of a repository as dumb HTTP.
std::string ServeFile(const std::string& folder, const std::string& request) {
  const size_t begin = request.find(' ') + 1;
  std::string path = request.substr(begin, request.find(' ', begin) - begin);
  const auto content = ReadFile(folder + path.substr(0, path.find('?')));
  if (!content.ok()) return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  return Respond(*content);
}

TEST_F(BuildContextTest, AGitUrlIsCheckedOutAndItsCommitIsTheEpoch) {
  Write("repository/app/Dockerfile", "FROM scratch\nCOPY . /\n");
  Write("repository/app/file", "x");
  Write("repository/other", "x");
  const std::string repository = folder_.Path("repository");
  Git(repository, {"init", "--quiet", "-b", "main", "."});
  Git(repository, {"add", "-A"});
  Git(repository, {"commit", "--quiet", "-m", "one", "--date=@1600000000"});
  ProcessOptions when;
  when.argv = {"git", "-c", "safe.directory=*", "log", "-1", "--format=%ct"};
  when.working_folder = repository;
  const int64_t committed = std::stoll(RunProcess(when)->stdout_text);
  Git(repository, {"clone", "--quiet", "--bare", ".", folder_.Path("served/r.git")});
  Git(folder_.Path("served/r.git"), {"update-server-info"});
  http::ScriptedServer server(
      [&](const std::string& request) { return ServeFile(folder_.Path("served"), request); });
  ASSERT_EQ(Build({"--source-date-epoch=git", server.Url("/r.git#main:app")}), 0) << env_.err();
  EXPECT_THAT(Context(), ElementsAre("Dockerfile", "file"));
  EXPECT_EQ(coordinator_.submitted.submission().options().source_date_epoch(), committed);
  // As a named context.
  Write("context/Dockerfile", "FROM scratch\nCOPY --from=code file /\n");
  ASSERT_EQ(Build({"--build-context", "code=" + server.Url("/r.git#main:app"), folder_.Path("context")}), 0)
      << env_.err();
  ASSERT_EQ(recipe().contexts_size(), 1);
  EXPECT_THAT(List(FromProto(recipe().contexts(0).tree())), ElementsAre("Dockerfile", "file"));
  EXPECT_NE(Build({server.Url("/r.git#no-such-branch")}), 0);
  EXPECT_THAT(env_.err(), HasSubstr("there is no no-such-branch"));
}

TEST_F(BuildContextTest, NamedContexts) {
  Write("context/Dockerfile", "FROM scratch\n");
  Write("assets/a", "x");
  Write("assets/hidden", "x");
  Write("assets/.dockerignore", "hidden\n");
  http::ScriptedServer server([](const std::string& request) {
    return Respond(request.starts_with("GET /tar") ? SampleTar() : "plain");
  });
  ASSERT_EQ(
      Build({"--build-context", "Assets=" + folder_.Path("assets"), "--build-context",
             "alpine::linux/arm64=docker-image://alpine:3.20", "--build-context", "t=" + server.Url("/tar"),
             "--build-context", "p=" + server.Url("/plain"), folder_.Path("context")}),
      0)
      << env_.err();
  ASSERT_EQ(recipe().contexts_size(), 4);
  EXPECT_EQ(recipe().contexts(0).name(), "assets");
  EXPECT_THAT(List(FromProto(recipe().contexts(0).tree())), ElementsAre(".dockerignore", "a"));
  EXPECT_EQ(recipe().contexts(0).ignore_file(), "hidden\n");
  EXPECT_EQ(recipe().contexts(1).name(), "alpine::linux/arm64");
  EXPECT_EQ(recipe().contexts(1).image(), "alpine:3.20");
  EXPECT_THAT(List(FromProto(recipe().contexts(2).tree())),
              ElementsAre(".dockerignore", "Dockerfile", "secret", "sub/", "sub/Other"));
  EXPECT_THAT(List(FromProto(recipe().contexts(3).tree())), ElementsAre("context"));
}

TEST_F(BuildContextTest, WhatIsNotThereIsSaidBeforeAnythingIsSent) {
  Write("context/Dockerfile", "FROM scratch\n");
  const std::string context = folder_.Path("context");
  EXPECT_EQ(Build({folder_.Path("missing")}), 2);
  EXPECT_EQ(Build({"ftp://example.com/x"}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("expected a folder on this machine"));
  EXPECT_EQ(Build({"--build-context", "a=" + folder_.Path("missing"), context}), 2);
  EXPECT_EQ(Build({"--build-context", "a=target:x", context}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("bake"));
  EXPECT_EQ(Build({"--build-context", "a=" + context, "--build-context", "A=" + context, context}), 2);
  EXPECT_THAT(env_.err(), HasSubstr("names a twice"));
  EXPECT_FALSE(coordinator_.submitted.has_submission());
}

TEST_F(BuildContextTest, AnInterruptWhileFetchingLeavesNothingBehind) {
  std::atomic<bool> asked = false;
  std::atomic<bool> go = false;
  http::ScriptedServer server([&](const std::string&) {
    asked = true;
    while (!go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Respond("FROM scratch\n");
  });
  std::jthread user([&] {
    while (!asked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    env_.Interrupt(1);
    go = true;
  });
  EXPECT_EQ(Build({server.Url("/Dockerfile")}), 130);
  user.join();
  EXPECT_EQ(env_.forced, 130);
}

TEST(NamedContextTest, Forms) {
  const auto layout = ParseNamedContext("base=oci-layout:///srv/my.image:v1@sha256:" + std::string(64, 'a'));
  ASSERT_OK(layout.status());
  EXPECT_EQ(layout->kind, NamedContextFlag::Kind::kLayout);
  EXPECT_EQ(layout->value, "/srv/my.image");
  EXPECT_EQ(layout->choose, "sha256:" + std::string(64, 'a'));
  EXPECT_EQ(ParseNamedContext("base=oci-layout://x:v1")->choose, "v1");
  EXPECT_EQ(ParseNamedContext("base=oci-layout://a:b/x")->value, "a:b/x");
  EXPECT_EQ(ParseNamedContext("x::linux/arm64/v8=docker-image://a")->name, "x::linux/arm64");
  EXPECT_EQ(ParseNamedContext("docker.io/library/Python:3.11=../x")->name, "docker.io/library/python:3.11");
  EXPECT_EQ(ParseNamedContext("x=git@example.com:a/b.git")->kind, NamedContextFlag::Kind::kGit);
  EXPECT_EQ(ParseNamedContext("x=https://h/a.git")->kind, NamedContextFlag::Kind::kGit);
  EXPECT_EQ(ParseNamedContext("x=https://h/a.tar")->kind, NamedContextFlag::Kind::kHttp);
  EXPECT_EQ(ParseNamedContext("x=github.com/a/b")->kind, NamedContextFlag::Kind::kFolder);
  for (const char* wrong : {"x", "=y", "x=", "a b=c", "-x=y", "x=ftp://h/y", "x=oci-layout://",
                            "x=oci-layout://a@sha256:1", "x=docker-image://", "x::=y", "x=target:y"}) {
    SCOPED_TRACE(wrong);
    EXPECT_TRUE(absl::IsInvalidArgument(ParseNamedContext(wrong).status()));
  }
}

}  // namespace
}  // namespace crossmill::cli
