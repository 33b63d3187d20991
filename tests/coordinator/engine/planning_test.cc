// PlanBuild: what is pinned, fetched and resolved before a plan is stored.
#include "coordinator/engine/planning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/words/platform.h"
#include "coordinator/engine/planning/source_replacements.h"
#include "tests/common/oci/sample_image.h"
#include "tests/support/image_fixture.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

TEST(IsFaultOfRecipe, WhoseEachKindIs) {
  for (const absl::Status& status :
       {absl::InvalidArgumentError("ADD wants a file larger than this farm takes"),
        absl::NotFoundError("no such tag"), absl::FailedPreconditionError("418"),
        absl::PermissionDeniedError("the server answers 403"), absl::UnauthenticatedError("who are you"),
        absl::UnimplementedError("this coordinator does not fetch remote sources")}) {
    EXPECT_TRUE(IsFaultOfRecipe(status)) << status;
  }
  for (const absl::Status& status :
       {absl::UnavailableError("the server answers 503"), absl::DeadlineExceededError("git is not done"),
        absl::ResourceExhaustedError("no space left"), absl::InternalError("a disk"),
        absl::DataLossError("x"), absl::AbortedError("changed meanwhile"), absl::UnknownError("?"),
        absl::CancelledError("stopped")}) {
    EXPECT_FALSE(IsFaultOfRecipe(status)) << status;
  }
}

namespace reapi = ::build::bazel::remote::execution::v2;

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Serves what the test puts there, and counts.
class FakeRemoteSources final : public RemoteSources {
 public:
  absl::StatusOr<File> FetchFile(const std::string& url, const std::string& checksum,
                                 const OnProgress& on_progress, std::stop_token) override {
    calls.push_back("file " + url + " " + checksum);
    on_progress(5, 10);
    const auto found = files.find(url);
    if (found == files.end()) return absl::NotFoundError(url + ": 404 Not Found");
    return found->second;
  }
  absl::StatusOr<File> FetchPrivateFile(const std::string& url, const std::string&, const std::string&,
                                        const OnProgress&, std::stop_token) override {
    return absl::PermissionDeniedError(url + ": planning has no credentials");
  }
  absl::StatusOr<Tree> FetchGit(const std::string& url, const std::string& checksum, bool keep_git_dir,
                                const OnProgress&, std::stop_token) override {
    calls.push_back("git " + url + " " + checksum + (keep_git_dir ? " kept" : ""));
    return tree;
  }

  absl::StatusOr<std::optional<int64_t>> CommitTime(const std::string& url, const std::string& checksum,
                                                    const OnProgress&, std::stop_token) override {
    calls.push_back("time " + url + " " + checksum);
    return commit_time;
  }

  std::map<std::string, File> files;
  Tree tree;
  std::optional<int64_t> commit_time;
  std::vector<std::string> calls;
};

class PlanningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    auto records = storage::RecordStore::Open(folder_->Path("record.db"));
    ASSERT_OK(records);
    records_ = *std::move(records);
    images_ = std::make_unique<ImageFixture>(*blobs_, *records_);
    v1::Platform& platform = *submission_.mutable_options()->add_platforms();
    platform.set_os("linux");
    platform.set_architecture("amd64");
    ToProto(Tree({"app.py"}), submission_.mutable_recipe()->mutable_context_root());
  }

  // A directory with these files, each holding its own name.
  Digest Tree(const std::vector<std::string>& names) {
    reapi::Directory root;
    root.mutable_node_properties()->mutable_unix_mode()->set_value(0755);
    for (const std::string& name : names) {
      reapi::FileNode& file = *root.add_files();
      file.set_name(name);
      ToProto(DigestOf(name), file.mutable_digest());
      file.mutable_node_properties()->mutable_unix_mode()->set_value(0644);
    }
    return blobs_->PutBytes(root.SerializeAsString()).value();
  }
  v1::NamedContext& AddContext(const std::string& name) {
    v1::NamedContext& context = *submission_.mutable_recipe()->add_contexts();
    context.set_name(name);
    context.set_origin("../" + name);
    return context;
  }

  absl::StatusOr<v1::BuildPlan> Plan(const std::string& dockerfile, bool with_remote = true) {
    submission_.mutable_recipe()->set_dockerfile(dockerfile);
    PlanningCalls calls;
    calls.on_pinned = [this](const v1::PinnedImage& image) { pinned_.push_back(image.reference()); };
    calls.on_fetched = [this](const v1::RemoteSource& source) { fetched_.push_back(source.url()); };
    calls.on_progress = [this](const std::string& what, int64_t done, int64_t total) {
      progress_.push_back(what + " " + std::to_string(done) + "/" + std::to_string(total));
    };
    return PlanBuild(submission_, *ParsePlatform("linux/amd64"),
                     {images_->store(), *blobs_, with_remote ? &remote_ : nullptr, {}}, calls);
  }
  std::string ErrorOf(const std::string& dockerfile, bool with_remote = true) {
    const auto plan = Plan(dockerfile, with_remote);
    return plan.ok() ? "no error" : std::string(plan.status().message());
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<ImageFixture> images_;
  FakeRemoteSources remote_;
  v1::BuildSubmission submission_;
  std::vector<std::string> pinned_;
  std::vector<std::string> fetched_;
  std::vector<std::string> progress_;
};

TEST_F(PlanningTest, RemoteFileBecomesOneMatchAndIsFetchedOnce) {
  const std::string url = "https://x.invalid/a/f.tar.gz";
  remote_.files[url] = {DigestOf("content"), "other-name", 42, true};
  v1::Platform& second = *submission_.mutable_options()->add_platforms();
  second.set_os("linux");
  second.set_architecture("arm64");
  const auto plan = Plan("FROM scratch\nADD " + url + " /d/\nADD --unpack " + url + " /e/\n");
  ASSERT_OK(plan);
  EXPECT_THAT(remote_.calls, ElementsAre("file " + url + " "));
  EXPECT_THAT(fetched_, ElementsAre(url));
  EXPECT_THAT(progress_, ElementsAre(url + " 5/10"));
  ASSERT_EQ(plan->remote_sources_size(), 1);
  EXPECT_EQ(plan->remote_sources(0).digest(), DigestOf("content").Oci());
  EXPECT_EQ(plan->remote_sources(0).bytes(), 7);
  EXPECT_TRUE(plan->remote_sources(0).cached());
  EXPECT_EQ(plan->remote_sources(0).range().first_line(), 2u);
  const v1::CopySource& source = plan->stages(0).steps(0).copy().sources(0);
  ASSERT_EQ(source.context().matches_size(), 1);
  const v1::ContextMatch& match = source.context().matches(0);
  EXPECT_EQ(match.name(), "f.tar.gz");
  EXPECT_EQ(FromProto(match.file()), DigestOf("content"));
  EXPECT_EQ(match.unix_mode(), 0600u);
  EXPECT_EQ(match.mtime(), 0) << "times are clamped";
  EXPECT_FALSE(source.extract());
  EXPECT_TRUE(plan->stages(1).steps(1).copy().sources(0).extract());
}

TEST_F(PlanningTest, RemoteFileKeepsItsTimeWhenTimesAreKept) {
  remote_.files["https://x.invalid/"] = {DigestOf("content"), "", 42, false};
  submission_.mutable_options()->set_keep_times(true);
  const auto plan = Plan("FROM scratch\nADD https://x.invalid/ /d/\n");
  ASSERT_OK(plan);
  const v1::ContextMatch& match = plan->stages(0).steps(0).copy().sources(0).context().matches(0);
  EXPECT_EQ(match.mtime(), 42);
  EXPECT_EQ(match.name(), "__unnamed__");
}

TEST_F(PlanningTest, GitRepositoryIsADirectoryWithoutName) {
  remote_.tree = {Tree({"README"}), "abc", false};
  const auto plan =
      Plan("FROM scratch\nADD --keep-git-dir --checksum=abc https://x.invalid/r.git#main /src\n");
  ASSERT_OK(plan);
  EXPECT_THAT(remote_.calls, ElementsAre("git https://x.invalid/r.git#main abc kept"));
  EXPECT_EQ(plan->remote_sources(0).commit(), "abc");
  const v1::ContextMatch& match = plan->stages(0).steps(0).copy().sources(0).context().matches(0);
  EXPECT_EQ(match.name(), "");
  EXPECT_EQ(FromProto(match.directory()), remote_.tree.root);
}

TEST_F(PlanningTest, ExcludesFilterAGitRepository) {
  remote_.tree = {Tree({"README", "keep.md", "main.c"}), "abc", false};
  const auto plan = Plan(
      "FROM scratch\nADD --exclude=*.md --exclude=!keep.md --exclude=README https://x.invalid/r.git /src\n"
      "ADD https://x.invalid/r.git /all\n");
  ASSERT_OK(plan);
  const auto match = [&](int step) {
    return plan->stages(0).steps(step).copy().sources(0).context().matches(0);
  };
  EXPECT_EQ(match(0).name(), "");
  EXPECT_EQ(FromProto(match(0).directory()), Tree({"keep.md", "main.c"}));
  // The same repository, fetched once, as it is.
  EXPECT_EQ(FromProto(match(1).directory()), remote_.tree.root);
  EXPECT_EQ(remote_.calls.size(), 1u);
}

TEST_F(PlanningTest, WhatCannotBeFetchedNamesPlaceAndReason) {
  EXPECT_EQ(ErrorOf("FROM scratch\nRUN x\n  ADD https://x.invalid/f /f\n"),
            "Dockerfile:3:3: ADD: https://x.invalid/f: 404 Not Found");
  EXPECT_EQ(ErrorOf("FROM scratch\nADD https://x.invalid/f /f\n", false),
            "Dockerfile:2:1: ADD: https://x.invalid/f: this coordinator does not fetch remote sources");
}

TEST_F(PlanningTest, NamedTreesAreBasesSourcesAndMounts) {
  ToProto(Tree({"bin"}), AddContext("rootfs").mutable_tree());
  const Digest assets = Tree({"l*", "logo"});
  ToProto(assets, AddContext("assets").mutable_tree());
  const auto plan = Plan(
      "FROM rootfs\nCOPY --from=assets logo /l\nRUN --mount=from=assets,target=/a "
      "--mount=source=app.py,target=/p x\n"
      "RUN --mount=from=assets,source=l*,target=/p x\n");
  ASSERT_OK(plan);
  const v1::StagePlan& stage = plan->stages(0);
  ASSERT_EQ(stage.steps_size(), 4);
  EXPECT_EQ(stage.steps(0).copy().sources(0).context().matches(0).name(), "");
  EXPECT_EQ(FromProto(stage.steps(1).copy().sources(0).context().matches(0).file()), DigestOf("logo"));
  const v1::Run& run = stage.steps(2).run();
  EXPECT_EQ(FromProto(run.mounts(0).source().context().matches(0).directory()), assets);
  EXPECT_EQ(FromProto(run.mounts(1).source().context().matches(0).file()), DigestOf("app.py"));
  // A mount's source has no wildcards.
  EXPECT_EQ(FromProto(stage.steps(3).run().mounts(0).source().context().matches(0).file()), DigestOf("l*"));
}

TEST_F(PlanningTest, MissingSourcesNameTheirContextAndTheRuleThatHidesThem) {
  v1::NamedContext& assets = AddContext("assets");
  ToProto(Tree({"logo"}), assets.mutable_tree());
  assets.set_ignore_file("# none\n*.png\n");
  assets.set_ignore_file_name("../assets/.dockerignore");
  EXPECT_EQ(ErrorOf("FROM scratch\nCOPY --from=assets a.png /l\n"),
            "Dockerfile:2:1: COPY: 'a.png' is not in the context (build context assets: ../assets); it is "
            "hidden by "
            "../assets/.dockerignore:2: '*.png'");
  EXPECT_THAT(ErrorOf("FROM scratch\nRUN --mount=source=nope,target=/n x\n"),
              HasSubstr("Dockerfile:2:1: RUN --mount: 'nope' is not in the context"));
}

TEST_F(PlanningTest, MissingFoldersOfTheContextAreNotBlamedOnTheRecipe) {
  const Digest lost = DigestOf("a folder that the store has lost");
  reapi::Directory root;
  root.add_directories()->set_name("src");
  ToProto(lost, root.mutable_directories(0)->mutable_digest());
  const Digest digest = blobs_->PutBytes(root.SerializeAsString()).value();
  ToProto(digest, submission_.mutable_recipe()->mutable_context_root());
  ToProto(digest, AddContext("assets").mutable_tree());
  for (const char* dockerfile : {"FROM scratch\nCOPY src/a /\n", "FROM scratch\nCOPY --from=assets src/a /\n",
                                 "FROM scratch\nRUN --mount=source=src/a,target=/a x\n"}) {
    const auto plan = Plan(dockerfile);
    EXPECT_TRUE(absl::IsUnavailable(plan.status())) << plan.status();
    EXPECT_THAT(std::string(plan.status().message()), testing::StartsWith("folder " + lost.hash))
        << dockerfile;
    EXPECT_THAT(std::string(plan.status().message()), HasSubstr("submit the build again"));
  }
  // Neither is a whole context that is gone, nor a layout.
  ToProto(lost, submission_.mutable_recipe()->mutable_context_root());
  EXPECT_TRUE(absl::IsUnavailable(Plan("FROM scratch\nCOPY . /\n").status()));
  ToProto(lost, AddContext("base").mutable_image_root());
  EXPECT_TRUE(absl::IsUnavailable(Plan("FROM base\n").status())) << Plan("FROM base\n").status();
}

TEST_F(PlanningTest, EpochOfAStageIsThatOfWhatItAdds) {
  remote_.files["https://x.invalid/f"] = {DigestOf("content"), "f", 1234, false};
  const std::string file = "FROM scratch AS src\nADD https://x.invalid/f /\n";
  auto plan = Plan("ARG SOURCE_DATE_EPOCH=src\n" + file + "FROM scratch\nARG SOURCE_DATE_EPOCH\nRUN x\n");
  ASSERT_OK(plan);
  EXPECT_EQ(plan->epoch(), 1234);
  EXPECT_TRUE(plan->strict_epoch());
  EXPECT_THAT(plan->stages(0).steps(1).run().env(), testing::Contains("SOURCE_DATE_EPOCH=1234"));
  // The server says no time.
  remote_.files["https://x.invalid/f"].mtime = 0;
  plan = Plan("ARG SOURCE_DATE_EPOCH=src\n" + file + "FROM scratch\nARG SOURCE_DATE_EPOCH\nRUN x\n");
  ASSERT_OK(plan);
  EXPECT_FALSE(plan->strict_epoch());
  EXPECT_THAT(plan->stages(0).steps(1).run().env(),
              testing::Not(testing::Contains(testing::StartsWith("SOURCE_DATE_EPOCH"))));
  remote_.tree = {Tree({"README"}), "abc", false};
  remote_.commit_time = 99;
  plan = Plan(
      "ARG V=2\nARG SOURCE_DATE_EPOCH=SRC\nFROM scratch AS src\nARG V\n"
      "ADD --checksum=abc https://x.invalid/r.git#v$V /\nFROM src\nRUN x\n");
  ASSERT_OK(plan);
  EXPECT_EQ(plan->epoch(), 99);
  EXPECT_THAT(remote_.calls, testing::Contains("time https://x.invalid/r.git#v2 abc"));
}

TEST_F(PlanningTest, EpochOfAContextIsWhatTheClientSaid) {
  const std::string dockerfile = "ARG SOURCE_DATE_EPOCH=context\nFROM scratch\nRUN x\n";
  auto plan = Plan(dockerfile);
  ASSERT_OK(plan);
  EXPECT_FALSE(plan->strict_epoch()) << "a folder has no time";
  submission_.mutable_recipe()->set_context_time(77);
  plan = Plan(dockerfile);
  ASSERT_OK(plan);
  EXPECT_TRUE(plan->strict_epoch());
  EXPECT_EQ(plan->epoch(), 77);
  v1::NamedContext& assets = AddContext("assets");
  ToProto(Tree({"logo"}), assets.mutable_tree());
  assets.set_time(88);
  plan = Plan("ARG SOURCE_DATE_EPOCH=assets\nFROM scratch\nRUN x\n");
  ASSERT_OK(plan);
  EXPECT_EQ(plan->epoch(), 88);
}

TEST_F(PlanningTest, EpochOfAnythingElseIsRefusedWithItsPlace) {
  EXPECT_EQ(
      ErrorOf("ARG SOURCE_DATE_EPOCH=contxt\nFROM scratch\nRUN x\n"),
      "Dockerfile:1:5: SOURCE_DATE_EPOCH has the value 'contxt'; expected seconds since 1970, context, a "
      "build context or a stage; did you mean context?");
  for (const char* body : {"FROM scratch AS src\nCOPY a /\n", "FROM scratch AS src\n",
                           "FROM scratch AS src\nADD https://x.invalid/f https://x.invalid/g /\n",
                           "FROM scratch AS src\nADD a /\n"}) {
    EXPECT_THAT(ErrorOf(std::string("ARG SOURCE_DATE_EPOCH=src\n") + body + "FROM scratch\nRUN x\n"),
                testing::AllOf(testing::StartsWith("Dockerfile:"),
                               HasSubstr("SOURCE_DATE_EPOCH names stage 'src', whose time is not known")))
        << body;
  }
}

TEST_F(PlanningTest, LayoutAndTriggersArePinnedUntilNothingNewIsNeeded) {
  const Digest root = oci::PutIndex(*blobs_);
  ToProto(root, AddContext("base").mutable_image_root());
  const auto plan = Plan("FROM base\nRUN x\n");
  ASSERT_OK(plan);
  EXPECT_THAT(pinned_, ElementsAre("base"));
  EXPECT_FALSE(plan->bases(0).manifest_digest().empty());
  EXPECT_GT(plan->bases(0).layers_size(), 0);
  ToProto(DigestOf("nothing"), submission_.mutable_recipe()->mutable_contexts(0)->mutable_image_root());
  EXPECT_THAT(ErrorOf("FROM base\nRUN x\n"), HasSubstr("Dockerfile:1:1: image base (sha256:"));
}

TEST_F(PlanningTest, WhatWasFetchedBeforeIsNotAskedFor) {
  remote_.files["https://x.invalid/g"] = {DigestOf("everybody's"), "", 0, false};
  remote_.tree = {Tree({"public"}), "beef", false};
  v1::FetchedSource& file = *submission_.add_fetched_sources();
  file.set_url("https://x.invalid/f");
  ToProto(DigestOf("private"), file.mutable_file());
  v1::FetchedSource& tree = *submission_.add_fetched_sources();
  tree.set_url("https://x.invalid/r.git");
  tree.set_commit("c0ffee");
  ToProto(Tree({"mine"}), tree.mutable_tree());
  const auto plan = Plan(
      "FROM scratch\nADD https://x.invalid/f https://x.invalid/g /d/\nADD https://x.invalid/r.git /r\n"
      "ADD --keep-git-dir=true https://x.invalid/r.git /k\n");
  ASSERT_OK(plan);
  EXPECT_THAT(remote_.calls, ElementsAre("file https://x.invalid/g ", "git https://x.invalid/r.git  kept"));
  const v1::StagePlan& stage = plan->stages(0);
  EXPECT_EQ(FromProto(stage.steps(0).copy().sources(0).context().matches(0).file()), DigestOf("private"));
  EXPECT_EQ(FromProto(stage.steps(1).copy().sources(0).context().matches(0).directory()), Tree({"mine"}));
  ASSERT_EQ(plan->remote_sources_size(), 4);
  EXPECT_EQ(plan->remote_sources(0).digest(), DigestOf("private").Oci());
  EXPECT_EQ(plan->remote_sources(2).commit(), "c0ffee");
  EXPECT_EQ(plan->remote_sources(3).commit(), "beef");
}

TEST_F(PlanningTest, WhatIsPutInTheirPlaceIsTakenForSources) {
  const auto replace = [&](const std::string& source, const std::string& checksum, const std::string& with,
                           const std::string& with_checksum) {
    v1::SourceReplacement& added = *submission_.add_replacements();
    added.set_source(source);
    added.set_checksum(checksum);
    added.set_replacement(with);
    added.set_replacement_checksum(with_checksum);
  };
  const std::string own = "https://x.invalid/a/f";
  const std::string other = "https://mirror.invalid/g";
  remote_.files[own] = {DigestOf("own"), "", 0, false};
  remote_.files[other] = {DigestOf("other"), "", 0, false};
  remote_.tree = {Tree({"g"}), "c0ffee", false};
  const Digest image = oci::PutImage(*blobs_, "amd64");
  ASSERT_OK(images_->store().Import("pinned", image, false));
  replace("floating", "", "docker.io/library/pinned@" + image.Oci(), "");
  const std::string sum = "sha256:" + std::string(64, '1');
  replace(own, "", other, sum);
  replace("https://x.invalid/r.git", "", "https://mirror.invalid/r.git#v1", "c0ffee");
  ASSERT_OK(CheckReplacements(submission_));
  // With a checksum of its own it is another source.
  const auto plan = Plan("FROM floating\nADD " + own + " /d/\nADD --checksum=" + sum + " " + own +
                         " /e/\nADD https://x.invalid/r.git /r\n");
  ASSERT_OK(plan);
  EXPECT_THAT(pinned_, ElementsAre("docker.io/library/pinned@" + image.Oci()));
  EXPECT_THAT(remote_.calls, ElementsAre("file " + other + " " + sum, "file " + own + " " + sum,
                                         "git https://mirror.invalid/r.git#v1 c0ffee"));
  EXPECT_THAT(fetched_, ElementsAre(other, own, "https://mirror.invalid/r.git#v1"));
  // It keeps the name that the recipe knows it by.
  EXPECT_EQ(plan->stages(0).steps(0).copy().sources(0).context().matches(0).name(), "f");
}

TEST(CheckReplacementsTest, NonsenseIsRefused) {
  const auto error = [](const std::vector<std::pair<std::string, std::string>>& given) {
    v1::BuildSubmission submission;
    for (const auto& [source, with] : given) {
      submission.add_replacements()->set_source(source);
      submission.mutable_replacements()->rbegin()->set_replacement(with);
    }
    return std::string(CheckReplacements(submission).message());
  };
  EXPECT_EQ(error({{"a", "b"}, {"b", "c"}}), "");
  EXPECT_THAT(error({{"a", ""}}), HasSubstr("expected a source"));
  EXPECT_THAT(error({{"a", "b"}, {"a", "c"}}), HasSubstr("expected each source once"));
  EXPECT_THAT(error({{"a", std::string(20'000, 'b')}}), HasSubstr("16384"));
  EXPECT_THAT(error(std::vector(1001, std::pair<std::string, std::string>("a", "b"))), HasSubstr("1000"));
}

TEST_F(PlanningTest, OptionsOfTheBuildReachThePlan) {
  v1::BuildOptions& options = *submission_.mutable_options();
  options.add_extra_hosts("10.0.0.1 db");
  options.set_shm_size(99);
  options.add_ulimits()->set_name("core");
  options.add_no_cache_stages("0");
  const auto plan = Plan("FROM scratch\nRUN x\n");
  ASSERT_OK(plan);
  const v1::Run& run = plan->stages(0).steps(0).run();
  EXPECT_EQ(run.extra_hosts(0), "10.0.0.1 db");
  EXPECT_EQ(run.shm_size(), 99);
  EXPECT_EQ(run.ulimits(0).name(), "core");
  EXPECT_TRUE(plan->stages(0).no_cache());
}

}  // namespace
}  // namespace crossmill::coordinator
