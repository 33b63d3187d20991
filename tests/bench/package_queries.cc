// How long questions about packages take on a large record, cold and warm.
//
//   package_queries [--rows N] [--folder DIR] [--migrate]
//
// Makes a record with N rows of packages (default 5,000,000) in a folder that goes away again: two years of a farm with
// 500 recipes, whose packages are spread as on an index (a few are in every second recipe, most in one), with versions that
// move on, three platforms, steps that are taken from the cache, replicas, failures. Prints the median of each question:
// warm, and cold (a new connection, the file dropped from the page cache). --migrate takes the tables of migration 8 away
// and measures how long a coordinator needs to make them again. Nothing is judged.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/package_queries.h"
#include "coordinator/storage/record_store.h"

namespace crossmill {
namespace {

using storage::PackageFilter;
using storage::PackageQueries;
using storage::RecordStore;

constexpr int64_t kDay = int64_t{86'400} * 1'000'000'000;
constexpr int64_t kEnd = int64_t{1'780'000'000} * 1'000'000'000;
constexpr int kDays = 730;
constexpr int kNames = 4000;
constexpr int kRecipes = 500;
constexpr int kBuildsPerTransaction = 500;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "package_queries: %s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T Checked(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

struct Recipe {
  std::string image;
  std::vector<int> names;
  std::vector<std::string> platforms;
  // The execution that counts, by platform.
  std::map<std::string, int64_t> executions;
};

class RecordMaker {
 public:
  RecordMaker(RecordStore& store, int64_t rows) : store_(store), rows_(rows) {
    // Name i is taken as often as 1 / (i + 5).
    std::vector<double> weights;
    for (int i = 0; i < kNames; ++i) weights.push_back(1.0 / (i + 5));
    std::discrete_distribution<int> name(weights.begin(), weights.end());
    for (int i = 0; i < kRecipes; ++i) {
      Recipe recipe{fmt::format("registry.example/team{}/service{}", i % 20, i), {}, {"linux/amd64"}, {}};
      if (i % 2 == 0) recipe.platforms.push_back("linux/arm64");
      if (i % 10 == 0) recipe.platforms.push_back("linux/arm/v7");
      const int count = 8 + static_cast<int>(random_() % 40);
      std::set<int> names;
      while (static_cast<int>(names.size()) < count) names.insert(name(random_));
      recipe.names.assign(names.begin(), names.end());
      recipes_.push_back(std::move(recipe));
    }
  }

  void Make() {
    // So many builds give about so many rows.
    const int64_t builds = rows_ / 19;
    for (int64_t done = 0; saved_ < rows_;) {
      Check(store_.Transact([&] {
        for (int i = 0; i < kBuildsPerTransaction && saved_ < rows_; ++i, ++done) {
          now_ = kEnd - kDays * kDay + static_cast<int64_t>(static_cast<double>(saved_) / static_cast<double>(rows_) *
                                                            kDays * static_cast<double>(kDay));
          Build();
        }
        return absl::OkStatus();
      }));
      if (done % (kBuildsPerTransaction * 40) == 0) {
        std::fprintf(stderr, "%ld of %ld rows, %ld of about %ld builds\n", saved_, rows_, done, builds);
      }
    }
  }

  int64_t saved() const { return saved_; }

 private:
  static std::string NameOf(int name) { return fmt::format("package-{}", name); }

  // It moves on every 20 to 140 days.
  std::string VersionOf(int name) const {
    const int64_t day = (now_ - (kEnd - kDays * kDay)) / kDay;
    return fmt::format("{}.{}.0", 1 + name % 3, day / (20 + name % 120));
  }

  v1::PackageOutcome Package(int name, const std::string& platform, bool emulated) {
    v1::PackageOutcome package;
    package.set_name(NameOf(name));
    package.set_version(VersionOf(name));
    package.set_scope("runtime");
    package.set_environment("/usr/local");
    package.set_installed(true);
    package.set_emulated(emulated);
    package.add_witnesses("console");
    package.add_witnesses("layer");
    // Whether a package has wheels is its own; the smaller platforms have fewer.
    const int share = platform == "linux/amd64" ? 6 : platform == "linux/arm64" ? 12 : 40;
    if (name * 37 % 100 < share) {
      package.set_outcome(random_() % 100 == 0 ? v1::OUTCOME_FAILED : v1::OUTCOME_SOURCE);
      package.set_seconds((2 + name % 90) * (emulated ? 7.5 : 1));
      package.set_tag("cp312-cp312-linux_aarch64");
      package.set_file_name(package.name() + "-" + package.version() + ".tar.gz");
      package.set_built_sha256(Sha256Hex(package.name()));
    } else {
      package.set_outcome(v1::OUTCOME_WHEEL);
      package.set_seconds(0.4);
      package.set_tag("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64");
      package.set_file_name(package.name() + "-" + package.version() + "-" + package.tag() + ".whl");
    }
    return package;
  }

  int64_t Execute(int64_t build, const Recipe& recipe, const std::string& platform, uint32_t stage,
                  uint32_t replica) {
    storage::Execution execution;
    execution.key = Sha256Hex(fmt::format("{}", saved_));
    execution.build = build;
    execution.stage = stage;
    execution.step_number = 4;
    execution.replica = replica;
    execution.worker = "worker-7";
    execution.host_id = "2f6f1c1e-0a45-4a9f-9e0c-0c6f5b6f0a11";
    execution.host_name = "builder-7";
    execution.emulated = platform == "linux/arm/v7" || (platform == "linux/arm64" && random_() % 2 == 0);
    execution.platform = platform;
    execution.started_at = now_;
    const int64_t id = Checked(store_.BeginExecution(execution));
    v1::StepResult result;
    ToProto(DigestOf(execution.key), result.mutable_layer()->mutable_tar());
    Check(store_.FinishExecution(id, result, now_ + 60'000'000'000));
    std::vector<v1::PackageOutcome> packages;
    for (const int name : recipe.names) packages.push_back(Package(name, platform, execution.emulated));
    for (int i = 0; i < 3; ++i) {
      packages.push_back(Package(i, platform, execution.emulated));
      packages.back().set_scope("build-dep");
      packages.back().set_installed(false);
    }
    Check(store_.SavePackages(id, packages));
    saved_ += static_cast<int64_t>(packages.size());
    return id;
  }

  void Build() {
    Recipe& recipe = recipes_[random_() % recipes_.size()];
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile("FROM python:3.12\nRUN pip install -r requirements.txt\n");
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    submission.mutable_options()->add_tags(fmt::format("{}:{}", recipe.image, saved_));
    const int64_t build = Checked(store_.InsertBuild(submission, "", Sha256Hex(recipe.image), now_));
    v1::BuildView view = Checked(store_.LoadView(build));
    view.set_status(v1::BUILD_STATUS_SUCCEEDED);
    view.set_finished_at(now_ + 90'000'000'000);
    // Every second build finds its step in the cache.
    const bool cached = random_() % 2 == 0;
    for (const std::string& platform : recipe.platforms) {
      int64_t& counts = recipe.executions[platform];
      const auto stage_index = static_cast<uint32_t>(view.stages_size());
      if (!cached || counts == 0) {
        counts = Execute(build, recipe, platform, stage_index, 0);
        if (random_() % 20 == 0) Execute(build, recipe, platform, stage_index, 1);
      }
      AddToView(platform, counts, cached, &view);
    }
    Check(store_.SaveView(build, view));
  }

  static void AddToView(const std::string& platform, int64_t execution, bool cached, v1::BuildView* view) {
    v1::StageView& stage = *view->add_stages();
    stage.set_index(static_cast<uint32_t>(view->stages_size()) - 1);
    stage.set_name("builder");
    *stage.mutable_platform() = Checked(ParsePlatform(platform));
    for (uint32_t number = 2; number < 12; ++number) {
      v1::StepView& step = *stage.add_steps();
      step.set_number(number);
      step.set_instruction("RUN");
      step.set_text("RUN pip install --no-cache-dir -r requirements.txt");
      step.set_key(Sha256Hex(platform));
      step.set_status(cached ? v1::STEP_STATUS_CACHED : v1::STEP_STATUS_EXECUTED);
      if (number == 4) step.set_execution(execution);
    }
    v1::CellView& cell = *view->add_cells();
    *cell.mutable_platform() = stage.platform();
    cell.set_status(v1::BUILD_STATUS_SUCCEEDED);
    cell.add_stages(stage.index());
  }

  RecordStore& store_;
  const int64_t rows_;
  int64_t saved_ = 0;
  int64_t now_ = 0;
  std::mt19937_64 random_{20'261'127};
  std::vector<Recipe> recipes_;
};

// How many rows it gave.
using Question = std::function<int(PackageQueries&)>;

std::vector<std::pair<std::string, Question>> Questions() {
  const auto history = [](const std::string& name, PackageFilter filter) {
    return [=](PackageQueries& queries) { return Checked(queries.History(name, filter)).rows_size(); };
  };
  const auto compiled = [](PackageFilter filter) {
    return [=](PackageQueries& queries) {
      return Checked(queries.Compiled(v1::CompiledPackagesRequest::ORDER_COST, filter)).rows_size();
    };
  };
  const auto uses = [](const std::string& name, std::function<bool(std::string_view)> matches,
                       PackageFilter filter = {}) {
    return [=](PackageQueries& queries) { return Checked(queries.Uses(name, matches, filter)).rows_size(); };
  };
  const auto any = [](std::string_view) { return true; };
  const auto is = [](std::string version) { return [version](std::string_view text) { return text == version; }; };
  const int64_t month = kEnd - 30 * kDay;
  return {
      {"history of the most frequent package", history("package-0", {})},
      {"the same, 1,000 rows", history("package-0", {.platform = "", .since = 0, .limit = 1000})},
      {"the same on linux/arm/v7", history("package-0", {.platform = "linux/arm/v7"})},
      {"history of a rare package", history("package-3900", {})},
      {"compiled on linux/arm64 in the last 30 days, by cost", compiled({.platform = "linux/arm64", .since = month})},
      {"compiled anywhere in the last 30 days, by cost", compiled({.platform = "", .since = month})},
      {"compiled anywhere in two years (not bounded)", compiled({})},
      {"builds that use the newest version of the most frequent package",
       uses("package-0", is(fmt::format("1.{}.0", (kDays - 1) / 20)))},
      {"builds that use a version of it of a year ago", uses("package-0", is("1.18.0"))},
      {"builds that use any version of it", uses("package-0", any)},
      {"any version on linux/arm/v7", uses("package-0", any, {.platform = "linux/arm/v7"})},
      {"any version, 1,000 rows", uses("package-0", any, {.platform = "", .since = 0, .limit = 1000})},
      {"builds that use a version of a year ago of the longest lived package", uses("package-119", is("3.2.0"))},
      {"builds that use a rare package", uses("package-3900", any)},
      {"the earlier build of a recipe",
       [](PackageQueries& queries) {
         const auto found =
             queries.FindEarlier("image registry.example/team7/service7, Dockerfile", "", "linux/amd64", kEnd);
         return Checked(found).has_value() ? 1 : 0;
       }},
  };
}

double Milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void DropFromCache(const std::string& path) {
  for (const std::string& file : {path, path + "-wal"}) {
    const auto fd = OpenFile(file, O_RDONLY);
    if (!fd.ok()) continue;
    fsync(fd->get());
    posix_fadvise(fd->get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

void Measure(const std::string& path) {
  std::printf("| question | rows | warm | cold |\n|---|---|---|---|\n");
  for (const auto& [name, question] : Questions()) {
    std::vector<double> cold;
    for (int i = 0; i < 5; ++i) {
      DropFromCache(path);
      auto store = Checked(RecordStore::Open(path));
      PackageQueries queries(store->connection());
      cold.push_back(Milliseconds([&] { question(queries); }));
    }
    auto store = Checked(RecordStore::Open(path));
    PackageQueries queries(store->connection());
    int rows = question(queries);
    std::vector<double> warm;
    for (int i = 0; i < 21; ++i) warm.push_back(Milliseconds([&] { rows = question(queries); }));
    std::printf("| %s | %d | %.1f ms | %.1f ms |\n", name.c_str(), rows, Median(warm), Median(cold));
    std::fflush(stdout);
  }
}

// As the record was before migration 8.
void TakeAway(const std::string& path) {
  auto database = Checked(storage::Database::Open(path));
  Check(database.Execute("go back",
                         "DROP TABLE package_history; DROP TABLE package_releases; DROP TABLE compilations;"
                         "DROP TABLE package_steps; DROP TABLE ended_builds; DROP TABLE recipe_cells;"
                         "ALTER TABLE executions DROP COLUMN platform;"
                         "CREATE INDEX packages_by_name ON packages (name, version);"
                         "PRAGMA user_version = 7"));
}

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  using namespace crossmill;
  CLI::App app("Measures questions about packages on a large record");
  int64_t rows = 5'000'000;
  std::string folder = "/var/tmp";
  bool migrate = false;
  app.add_option("--rows", rows, "So many rows of packages")->check(CLI::Range(1000, 100'000'000));
  app.add_option("--folder", folder, "Where the record is made; 400 MB for each million rows");
  app.add_flag("--migrate", migrate, "Measure the migration of such a record too");
  CLI11_PARSE(app, argc, argv);
  const TemporaryFolder made = Checked(TemporaryFolder::Create(folder));
  const std::string path = made.Path("record.db");
  {
    auto store = Checked(RecordStore::Open(path));
    RecordMaker maker(*store, rows);
    const double seconds = Milliseconds([&] { maker.Make(); }) / 1000;
    std::fprintf(stderr, "made %ld rows in %.0f s, each saved with its indexes in %.0f us\n", maker.saved(), seconds,
                 seconds * 1e6 / static_cast<double>(maker.saved()));
  }
  Measure(path);
  if (migrate) {
    TakeAway(path);
    DropFromCache(path);
    const double seconds = Milliseconds([&] { Checked(RecordStore::Open(path)); }) / 1000;
    std::printf("\nmigrating it: %.0f s, the copy aside included\n", seconds);
  }
  return 0;
}
