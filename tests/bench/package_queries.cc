// How long questions about packages take on a large record, cold and warm.
//
//   package_queries [--rows N] [--folder DIR]
//
// Makes a record with N rows of packages (default 5,000,000) in a folder that goes away again: two years of a
// farm with 500 recipes, whose packages are spread as on an index (a few are in every second recipe, most in
// one), with versions that move on, three platforms, steps that are taken from the cache, replicas, failures.
// It is made as a coordinator of before migration 8 left it, and then migrated: that is measured, too. Prints
// the median of each question: warm (and its processor time, which other programs of the machine do not
// lengthen), and cold (a new connection, the file dropped from the page cache). Nothing is judged.
#include "coordinator/storage/package_queries.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
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
#include "coordinator/storage/migrations.h"
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
constexpr int kBuildsPerTransaction = 20'000;
constexpr size_t kOldVersion = 7;
// Any SHA-256.
constexpr const char* kHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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

// A statement of the old schema, used for every row.
class Insert {
 public:
  Insert(storage::Database& database, const char* text)
      : statement_(Checked(database.Prepare({"make rows", text}))) {}
  template <typename... Values>
  void Run(const Values&... values) {
    statement_.Bind(values...);
    Check(statement_.Run());
    statement_.Reset();
  }

 private:
  storage::Statement statement_;
};

class RecordMaker {
 public:
  RecordMaker(storage::Database& database, int64_t rows)
      : database_(database),
        rows_(rows),
        build_(
            database,
            "INSERT INTO builds (id, submission_digest, submission, submitted_at, view, status, finished_at) "
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"),
        execution_(
            database,
            "INSERT INTO executions (id, key, build, stage, step_number, replica, worker, host_id, "
            "host_name, "
            "emulated, started_at, finished_at, duration_ns, tar_hash, tar_size) "
            "VALUES (?1, ?2, ?3, ?4, 4, ?5, 'worker-7', '2f6f1c1e-0a45-4a9f-9e0c-0c6f5b6f0a11', 'builder-7', "
            "?6, ?7, ?8, 60000000000, ?2, 1)"),
        package_(
            database,
            "INSERT INTO packages (execution, position, name, version, outcome, scope, tag, file_name, "
            "seconds, "
            "built_sha256, built_size, failure_class, failure_line, remedy, witnesses, conflict, emulated, "
            "environment, installed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, '', '', '', "
            "'console,layer', '', ?11, '/usr/local', ?12)") {
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
    while (saved_ < rows_) {
      auto transaction = Checked(storage::Transaction::Begin(database_));
      for (int i = 0; i < kBuildsPerTransaction && saved_ < rows_; ++i) {
        now_ = kEnd - kDays * kDay +
               static_cast<int64_t>(static_cast<double>(saved_) / static_cast<double>(rows_) * kDays *
                                    static_cast<double>(kDay));
        Build();
      }
      Check(transaction.Commit());
      std::fprintf(stderr, "%ld of %ld rows, %ld builds\n", saved_, rows_, builds_);
    }
  }

 private:
  static std::string NameOf(int name) { return fmt::format("package-{}", name); }

  // It moves on every 20 to 140 days.
  std::string VersionOf(int name) const {
    const int64_t day = (now_ - (kEnd - kDays * kDay)) / kDay;
    return fmt::format("{}.{}.0", 1 + name % 3, day / (20 + name % 120));
  }

  void Package(int64_t execution, int64_t position, int name, const std::string& platform, bool emulated,
               bool build_dependency) {
    // Whether a package has wheels is its own; the smaller platforms have fewer.
    const int share = platform == "linux/amd64" ? 6 : platform == "linux/arm64" ? 12 : 40;
    const bool compiled = name * 37 % 100 < share;
    const bool failed = compiled && random_() % 100 == 0;
    const std::string name_text = NameOf(name);
    const std::string version = VersionOf(name);
    const std::string tag =
        compiled ? "cp312-cp312-linux_aarch64" : "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64";
    const std::string file = name_text + "-" + version + (compiled ? ".tar.gz" : "-" + tag + ".whl");
    package_.Run(execution, position, name_text, version,
                 static_cast<int>(failed     ? v1::OUTCOME_FAILED
                                  : compiled ? v1::OUTCOME_SOURCE
                                             : v1::OUTCOME_WHEEL),
                 build_dependency ? "build-dep" : "runtime", tag, file,
                 compiled ? (2 + name % 90) * (emulated ? 7.5 : 1) : 0.4, compiled ? kHash : "", emulated,
                 !build_dependency && !failed);
    ++saved_;
  }

  int64_t Execute(int64_t build, const Recipe& recipe, const std::string& platform, uint32_t stage,
                  uint32_t replica) {
    const int64_t id = ++executions_;
    const bool emulated = platform == "linux/arm/v7" || (platform == "linux/arm64" && random_() % 2 == 0);
    execution_.Run(id, kHash, build, stage, replica, emulated, now_, now_ + 60'000'000'000);
    int64_t position = 0;
    for (const int name : recipe.names) Package(id, position++, name, platform, emulated, false);
    for (int i = 0; i < 3; ++i) Package(id, position++, i, platform, emulated, true);
    return id;
  }

  void Build() {
    Recipe& recipe = recipes_[random_() % recipes_.size()];
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile("FROM python:3.12\nRUN pip install -r requirements.txt\n");
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    submission.mutable_options()->add_tags(fmt::format("{}:{}", recipe.image, saved_));
    const int64_t build = ++builds_;
    v1::BuildView view;
    view.set_id(build);
    view.set_created_at(now_);
    view.set_status(v1::BUILD_STATUS_SUCCEEDED);
    view.set_finished_at(now_ + 90'000'000'000);
    // Every second build finds its step in the cache.
    const bool cached = random_() % 2 == 0;
    std::vector<std::pair<std::string, uint32_t>> executed;
    for (const std::string& platform : recipe.platforms) {
      const int64_t counts = recipe.executions[platform];
      const auto stage = static_cast<uint32_t>(view.stages_size());
      const bool hit = cached && counts != 0;
      if (!hit) executed.emplace_back(platform, stage);
      // Executions are numbered in their order: the first of this build is the next.
      AddToView(platform, hit ? counts : 0, hit, &view);
    }
    // A build is there before what refers to it.
    build_.Run(build, kHash, storage::Blob{submission.SerializeAsString()}, now_, storage::Blob{""},
               static_cast<int>(view.status()), view.finished_at());
    for (const auto& [platform, stage] : executed) {
      const int64_t id = Execute(build, recipe, platform, stage, 0);
      recipe.executions[platform] = id;
      view.mutable_stages(static_cast<int>(stage))->mutable_steps(2)->set_execution(id);
      if (random_() % 20 == 0) Execute(build, recipe, platform, stage, 1);
    }
    view_.Run(build, storage::Blob{view.SerializeAsString()});
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

  storage::Database& database_;
  const int64_t rows_;
  Insert build_, execution_, package_;
  Insert view_{database_, "UPDATE builds SET view = ?2 WHERE id = ?1"};
  int64_t saved_ = 0;
  int64_t builds_ = 0;
  int64_t executions_ = 0;
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
  const auto is = [](std::string version) {
    return [version](std::string_view text) { return text == version; };
  };
  const int64_t month = kEnd - 30 * kDay;
  return {
      {"history of the most frequent package", history("package-0", {})},
      {"the same, 1,000 rows", history("package-0", {.platform = "", .since = 0, .limit = 1000})},
      {"the same on linux/arm/v7", history("package-0", {.platform = "linux/arm/v7"})},
      {"history of a rare package", history("package-3900", {})},
      {"compiled on linux/arm64 in the last 30 days, by cost",
       compiled({.platform = "linux/arm64", .since = month})},
      {"compiled anywhere in the last 30 days, by cost", compiled({.platform = "", .since = month})},
      {"compiled anywhere in two years (not bounded)", compiled({})},
      {"builds that use the newest version of the most frequent package",
       uses("package-0", is(fmt::format("1.{}.0", (kDays - 1) / 20)))},
      {"builds that use a version of it of a year ago", uses("package-0", is("1.18.0"))},
      {"builds that use any version of it", uses("package-0", any)},
      {"any version on linux/arm/v7", uses("package-0", any, {.platform = "linux/arm/v7"})},
      {"any version, 1,000 rows", uses("package-0", any, {.platform = "", .since = 0, .limit = 1000})},
      {"builds that use a version of a year ago of the longest lived package",
       uses("package-119", is("3.2.0"))},
      {"builds that use a rare package", uses("package-3900", any)},
      {"the earlier build of a recipe",
       [](PackageQueries& queries) {
         const auto found = queries.FindEarlier("image registry.example/team7/service7, Dockerfile", "",
                                                "linux/amd64", kEnd);
         return Checked(found).has_value() ? 1 : 0;
       }},
  };
}

double Now(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

// Milliseconds of that clock.
double Taken(clockid_t clock, const std::function<void()>& work) {
  const double begin = Now(clock);
  work();
  return Now(clock) - begin;
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
  std::printf("| question | rows | warm | its processor time | cold |\n|---|---|---|---|---|\n");
  for (const auto& [name, question] : Questions()) {
    std::vector<double> cold;
    for (int i = 0; i < 5; ++i) {
      DropFromCache(path);
      auto store = Checked(RecordStore::Open(path));
      PackageQueries queries(store->connection());
      cold.push_back(Taken(CLOCK_MONOTONIC, [&] { question(queries); }));
    }
    auto store = Checked(RecordStore::Open(path));
    PackageQueries queries(store->connection());
    int rows = question(queries);
    std::vector<double> warm;
    std::vector<double> processor;
    for (int i = 0; i < 21; ++i) {
      const double begin = Now(CLOCK_THREAD_CPUTIME_ID);
      warm.push_back(Taken(CLOCK_MONOTONIC, [&] { rows = question(queries); }));
      processor.push_back(Now(CLOCK_THREAD_CPUTIME_ID) - begin);
    }
    std::printf("| %s | %d | %.1f ms | %.1f ms | %.1f ms |\n", name.c_str(), rows, Median(warm),
                Median(processor), Median(cold));
    std::fflush(stdout);
  }
}

// The time that the record adds to a step that brings packages.
void MeasureSaving(const std::string& path) {
  constexpr int kExecutions = 300;
  constexpr int kPackages = 40;
  auto store = Checked(RecordStore::Open(path));
  std::mt19937_64 random(1);
  std::vector<double> taken;
  std::vector<double> processor;
  for (int i = 0; i < kExecutions; ++i) {
    storage::Execution execution;
    execution.key = kHash;
    execution.build = 1;
    execution.platform = "linux/amd64";
    execution.started_at = kEnd;
    std::vector<v1::PackageOutcome> packages(kPackages);
    for (v1::PackageOutcome& package : packages) {
      package.set_name(fmt::format("package-{}", random() % kNames));
      package.set_version("9.0");
      package.set_outcome(v1::OUTCOME_WHEEL);
      package.set_scope("runtime");
    }
    const int64_t id = Checked(store->BeginExecution(execution));
    Check(store->FinishExecution(id, {}, kEnd + 1));
    const double begin = Now(CLOCK_THREAD_CPUTIME_ID);
    taken.push_back(Taken(CLOCK_MONOTONIC, [&] { Check(store->SavePackages(id, packages)); }));
    processor.push_back(Now(CLOCK_THREAD_CPUTIME_ID) - begin);
  }
  std::printf("\nsaving the %d packages of a step, durably: %.1f ms, processor time %.1f ms\n", kPackages,
              Median(taken), Median(processor));
}

void MakeRecord(const std::string& path, int64_t rows) {
  auto database = Checked(storage::Database::Open(path));
  Check(storage::Migrate(database, path, storage::EmbeddedMigrations().subspan(0, kOldVersion)));
  Check(database.Execute("begin", "DROP INDEX packages_by_name"));
  RecordMaker(database, rows).Make();
  Check(database.Execute("end", "CREATE INDEX packages_by_name ON packages (name, version)"));
}

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  using namespace crossmill;
  CLI::App app("Measures questions about packages on a large record");
  int64_t rows = 5'000'000;
  std::string folder = "/var/tmp";
  app.add_option("--rows", rows, "So many rows of packages")->check(CLI::Range(1000, 100'000'000));
  app.add_option("--folder", folder, "Where the record is made; 400 MB for each million rows");
  CLI11_PARSE(app, argc, argv);
  const TemporaryFolder made = Checked(TemporaryFolder::Create(folder));
  const std::string path = made.Path("record.db");
  MakeRecord(path, rows);
  DropFromCache(path);
  const double begin = Now(CLOCK_PROCESS_CPUTIME_ID);
  const double migrated = Taken(CLOCK_MONOTONIC, [&] { Checked(RecordStore::Open(path)); });
  std::printf("migrating %ld rows, with the copy aside: %.0f s, processor time %.0f s\n\n", rows,
              migrated / 1e3, (Now(CLOCK_PROCESS_CPUTIME_ID) - begin) / 1e3);
  Measure(path);
  MeasureSaving(path);
  return 0;
}
