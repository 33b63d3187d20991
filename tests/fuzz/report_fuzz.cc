// Any reports as a worker may send them, of several leases at once, into the gate that reads the layers they
// name: each is delivered once and in its order, none counts with a layer that is not so, and none that is so
// is called untrue.
#include <fuzzer/FuzzedDataProvider.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/mutex.h"
#include "common/layer/layer_writer.h"
#include "coordinator/engine/trust/report_gate.h"

namespace {

using namespace crossmill;               // NOLINT(google-build-using-namespace): one room
using namespace crossmill::coordinator;  // NOLINT(google-build-using-namespace): one room

constexpr size_t kMostReports = 40;
constexpr core::LeaseNumber kLeases = 3;
constexpr uint32_t kSteps = 5;

void Expect(bool holds) {
  if (!holds) std::abort();
}

struct MadeLayer {
  std::string tar;
  std::string manifest;
};

MadeLayer MakeLayer(size_t bytes) {
  MadeLayer made;
  layer::LayerWriter writer([&](std::string_view more) { return made.tar.append(more), absl::OkStatus(); },
                            0);
  layer::TarEntry entry;
  entry.path = "file";
  entry.mode = 0644;
  entry.size = static_cast<int64_t>(bytes);
  const absl::Status added =
      writer.Add(entry, [left = bytes](char* buffer, size_t size) mutable -> absl::StatusOr<size_t> {
        const size_t count = std::min(left, size);
        std::fill_n(buffer, count, 'x');
        left -= count;
        return count;
      });
  Expect(added.ok());
  made.manifest = writer.Finish()->Serialize();
  return made;
}

// Two that are read at once, and one that is read by a thread.
const std::vector<MadeLayer>& Layers() {
  static const auto* layers = new std::vector<MadeLayer>{MakeLayer(1), MakeLayer(3000), MakeLayer(100'000)};
  return *layers;
}

class World {
 public:
  explicit World(FuzzedDataProvider& data) : data_(data) {
    for (const MadeLayer& layer : Layers()) {
      const std::pair<Digest, Digest> name{*store_->PutBytes(layer.tar), *store_->PutBytes(layer.manifest)};
      tars_.push_back(name.first);
      manifests_.push_back(name.second);
      good_.insert(name);
    }
    for (core::LeaseNumber lease = 1; lease <= kLeases; ++lease)
      for (uint32_t step = 1; step <= kSteps; ++step) unfinished_[lease].push_back(step);
    gate_.Start([this](std::function<void()> work) { Post(std::move(work)); },
                [this](core::LeaseNumber lease) { return unfinished_[lease]; },
                [this](const std::string& worker, const v1::LeaseReport& report, const absl::Status& truth) {
                  Delivered(worker, report, truth);
                });
  }
  ~World() { gate_.Stop(); }

  void Run() {
    while (data_.remaining_bytes() > 0 && taken_ < kMostReports) {
      switch (data_.ConsumeIntegralInRange(0, 9)) {
        case 0:
          RunPosted();
          break;
        case 1:
          End(data_.ConsumeIntegralInRange<core::LeaseNumber>(1, kLeases));
          break;
        default:
          Take(MakeReport());
      }
    }
    while (delivered_ < taken_)
      if (!RunPosted()) std::this_thread::sleep_for(std::chrono::microseconds(20));
    // Nothing is said twice.
    RunPosted();
    Expect(delivered_ == taken_);
  }

 private:
  // Threads of the gate post; the loop is this thread.
  void Post(std::function<void()> work) {
    MutexLock lock(mutex_);
    posted_.push_back(std::move(work));
  }
  bool RunPosted() {
    std::deque<std::function<void()>> posted;
    {
      MutexLock lock(mutex_);
      posted.swap(posted_);
    }
    for (const auto& work : posted) work();
    return !posted.empty();
  }

  // A blob that is a layer's but for one byte, or for its end.
  Digest Damaged(std::string bytes) {
    const size_t place = data_.ConsumeIntegralInRange<size_t>(0, bytes.size() - 1);
    if (data_.ConsumeBool()) {
      bytes.resize(place);
    } else {
      bytes[place] = static_cast<char>(bytes[place] ^ data_.ConsumeIntegralInRange(1, 255));
    }
    return *store_->PutBytes(bytes);
  }
  Digest ChooseDigest(const std::vector<Digest>& usual, std::string MadeLayer::*part) {
    const size_t index = data_.ConsumeIntegralInRange<size_t>(0, usual.size() - 1);
    Digest digest = usual[index];
    switch (data_.ConsumeIntegralInRange(0, 7)) {
      case 0:
        return Damaged(Layers()[index].*part);
      case 1:
        digest.size = data_.ConsumeIntegral<int64_t>();
        return digest;
      case 2:
        digest.hash = data_.ConsumeRandomLengthString(80);
        return digest;
      case 3:
        return *store_->PutBytes(data_.ConsumeRandomLengthString(2000));
      default:
        return digest;
    }
  }
  v1::StepResult MakeResult() {
    v1::StepResult result;
    result.set_number(data_.ConsumeIntegralInRange<uint32_t>(0, kSteps + 1));
    if (data_.ConsumeIntegralInRange(0, 7) == 0) result.set_exit_code(data_.ConsumeIntegral<int32_t>());
    if (data_.ConsumeIntegralInRange(0, 7) == 0) result.set_failure(data_.ConsumeRandomLengthString(20));
    if (data_.ConsumeIntegralInRange(0, 7) == 0) return result;
    const bool pair = data_.ConsumeBool();
    const size_t index = data_.ConsumeIntegralInRange<size_t>(0, tars_.size() - 1);
    ToProto(pair ? tars_[index] : ChooseDigest(tars_, &MadeLayer::tar),
            result.mutable_layer()->mutable_tar());
    ToProto(pair ? manifests_[index] : ChooseDigest(manifests_, &MadeLayer::manifest),
            result.mutable_layer()->mutable_manifest());
    return result;
  }
  v1::LeaseReport MakeReport() {
    v1::LeaseReport report;
    switch (data_.ConsumeIntegralInRange(0, 5)) {
      case 0:
        report.mutable_log()->set_data(data_.ConsumeRandomLengthString(50));
        break;
      case 1:
        (void)report.ParseFromString(data_.ConsumeRandomLengthString(500));
        break;
      case 2:
        for (int left = data_.ConsumeIntegralInRange(0, 8); left > 0; --left)
          *report.mutable_task_finished()->add_steps() = MakeResult();
        break;
      default:
        *report.mutable_step_finished() = MakeResult();
    }
    report.set_lease(data_.ConsumeIntegralInRange<core::LeaseNumber>(1, kLeases));
    return report;
  }

  // Whoever sends carries the number of the report, by which its delivery is known.
  void Take(v1::LeaseReport report) {
    const core::LeaseNumber lease = report.lease();
    // The engine lets nobody report for a lease that has ended.
    if (ended_.contains(lease)) return;
    const std::string worker = std::to_string(taken_++);
    order_[lease].push_back(worker);
    gate_.Take(worker, std::move(report), room_.Enter(worker, 1));
  }
  void End(core::LeaseNumber lease) {
    if (ended_.insert(lease).second) gate_.Drop(lease);
  }

  // The steps that this report finishes, in their order, as docs of the gate have it: what is said of others
  // is nothing.
  std::vector<const v1::StepResult*> Counted(const v1::LeaseReport& report) {
    std::vector<const v1::StepResult*> said, counted;
    if (report.has_step_finished()) said.push_back(&report.step_finished());
    for (const v1::StepResult& result : report.task_finished().steps()) said.push_back(&result);
    const std::vector<uint32_t>& unfinished = unfinished_[report.lease()];
    for (const v1::StepResult* result : said)
      if (counted.size() < unfinished.size() && result->number() == unfinished[counted.size()])
        counted.push_back(result);
    return counted;
  }
  bool IsGood(const v1::StepResult& result) {
    if (result.exit_code() != 0 || !result.failure().empty()) return true;
    return result.has_layer() &&
           good_.contains({FromProto(result.layer().tar()), FromProto(result.layer().manifest())});
  }

  void Delivered(const std::string& worker, const v1::LeaseReport& report, const absl::Status& truth) {
    ++delivered_;
    const core::LeaseNumber lease = report.lease();
    Expect(!order_[lease].empty() && order_[lease].front() == worker);
    order_[lease].pop_front();
    if (absl::IsCancelled(truth)) return Expect(ended_.contains(lease));
    const std::vector<const v1::StepResult*> counted = Counted(report);
    const bool good =
        std::all_of(counted.begin(), counted.end(), [&](const auto* result) { return IsGood(*result); });
    Expect(truth.ok() == good);
    Expect(good || absl::IsInvalidArgument(truth) || absl::IsNotFound(truth));
    // As the engine does: what was not so finishes nothing, and ends the lease.
    if (!truth.ok() || report.has_task_finished()) return End(lease);
    std::vector<uint32_t>& unfinished = unfinished_[lease];
    unfinished.erase(unfinished.begin(), unfinished.begin() + static_cast<std::ptrdiff_t>(counted.size()));
  }

  FuzzedDataProvider& data_;
  std::unique_ptr<BlobStore> store_ = MakeMemoryBlobStore();
  std::vector<Digest> tars_;
  std::vector<Digest> manifests_;
  std::set<std::pair<Digest, Digest>> good_;
  std::map<core::LeaseNumber, std::vector<uint32_t>> unfinished_;
  std::map<core::LeaseNumber, std::deque<std::string>> order_;
  std::set<core::LeaseNumber> ended_;
  size_t taken_ = 0;
  size_t delivered_ = 0;
  ReportRoom room_;
  Mutex mutex_;
  std::deque<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
  ReportGate gate_{*store_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  // It would tell of every text that is none.
  [[maybe_unused]] static const auto former = google::protobuf::SetLogHandler(nullptr);
  FuzzedDataProvider data(bytes, size);
  World(data).Run();
  return 0;
}
