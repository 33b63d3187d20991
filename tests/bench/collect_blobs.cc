// What garbage collection costs on a large farm.
//
//   collect_blobs [--blobs N] [--builds N] [--folder DIR]
//
// Makes a store with N small blobs (default 1,000,000) and a record with N ended builds (default 100,000;
// five executions each, whose layers are among the blobs) in a folder that goes away again, and prints for
// each of looking through the store, a dry run that says what the cache is, and the removal of all of it: the
// time, the processor time, and the longest piece of work without a rest.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "coordinator/retention/collector.h"
#include "tests/support/fake_clock.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kExecutionsOfABuild = 5;
constexpr int64_t kBuildsAtOnce = 2000;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "collect_blobs: {}\n", status.ToString());
  std::exit(1);
}

template <typename T>
T Checked(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

double ProcessorSeconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

class Stopwatch {
 public:
  void Print(const char* what, const std::string& more) const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
    fmt::print("{:<28} {:8.2f} s, processor {:8.2f} s{}\n", what, passed.count(),
               ProcessorSeconds() - processor_, more);
    std::fflush(stdout);
  }

 private:
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const double processor_ = ProcessorSeconds();
};

std::string HashOf(int64_t number) { return Sha256Hex(std::to_string(number)); }

// Without syncing: the files are as the store's are.
void MakeBlobs(const std::string& folder, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const UniqueFd fd = Checked(OpenFile(BlobPath(folder, HashOf(i)), O_WRONLY | O_CREAT, 0444));
    Check(WriteAll(fd.get(), std::to_string(i)));
  }
}

void MakeBuilds(storage::RecordStore& records, int64_t builds, int64_t blobs) {
  int64_t next = 0;
  const auto layer = [&] { return Digest{HashOf(next++ % blobs), 5}; };
  for (int64_t first = 0; first < builds; first += kBuildsAtOnce) {
    Check(records.Transact([&]() -> absl::Status {
      for (int64_t i = first; i < std::min(builds, first + kBuildsAtOnce); ++i) {
        ASSIGN_OR_RETURN(const int64_t build, records.InsertBuild({}, "", "", 1));
        v1::BuildView view;
        view.set_id(build);
        view.set_status(v1::BUILD_STATUS_SUCCEEDED);
        RETURN_IF_ERROR(records.SaveView(build, view));
        for (int64_t k = 0; k < kExecutionsOfABuild; ++k) {
          storage::Execution execution;
          execution.key = HashOf(i * kExecutionsOfABuild + k);
          execution.build = build;
          ASSIGN_OR_RETURN(const int64_t id, records.BeginExecution(execution));
          v1::StepResult result;
          ToProto(layer(), result.mutable_layer()->mutable_tar());
          ToProto(layer(), result.mutable_layer()->mutable_manifest());
          RETURN_IF_ERROR(records.FinishExecution(id, result, 5));
        }
      }
      return absl::OkStatus();
    }));
  }
}

std::string Told(const SweepReport& report) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  return fmt::format("; {} blobs, longest step {:.1f} ms, {:.1f} ms of it computing", report.blobs,
                     Milliseconds(report.longest_step).count(),
                     Milliseconds(report.longest_computing).count());
}

void Measure(const std::string& folder, int64_t blobs, int64_t builds) {
  auto store = Checked(OpenDiskBlobStore(folder + "/content"));
  auto records = Checked(storage::RecordStore::Open(folder + "/record.db"));
  MakeBlobs(folder + "/content", blobs);
  MakeBuilds(*records, builds, blobs);
  HeldBlobs held;
  storage::LogStore logs(folder + "/logs");
  DiskRoom room({.folder = folder, .reserve_bytes = 4096});
  // Everything is older than the grace time.
  FakeClock clock(absl::Now() + absl::Hours(2));
  Collector collector(*store, Checked(records->OpenAnother()), logs, held, room, clock,
                      {.aging = absl::InfiniteDuration()});
  {
    const Stopwatch watch;
    collector.Start();
    while (!store->uses().complete()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    watch.Print("looking through the store", fmt::format("; {} blobs", store->uses().count()));
  }
  for (const bool dry_run : {true, false}) {
    const Stopwatch watch;
    const SweepReport report =
        Checked(collector.Sweep({.dry_run = dry_run, .aged = true, .all = true, .classify = dry_run}, {}));
    watch.Print(dry_run ? "dry run" : "removal", Told(report));
    if (report.blobs != blobs) {
      fmt::print(stderr, "collect_blobs: {} of {} blobs\n", report.blobs, blobs);
      std::exit(1);
    }
  }
}

}  // namespace
}  // namespace crossmill::coordinator

int main(int argc, char** argv) {
  CLI::App app("What garbage collection costs");
  int64_t blobs = 1'000'000;
  int64_t builds = 100'000;
  std::string parent = "/var/tmp";
  app.add_option("--blobs", blobs)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--builds", builds)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--folder", parent)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  std::string folder = parent + "/crossmill-collect-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    std::perror(folder.c_str());
    return 1;
  }
  crossmill::coordinator::Measure(folder, blobs, builds);
  (void)crossmill::RemoveTree(folder);
  return 0;
}
