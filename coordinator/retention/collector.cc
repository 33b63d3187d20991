#include "coordinator/retention/collector.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/base/room/disk_space.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"

namespace crossmill::coordinator {
namespace {

// Above the floor of the disk so much more is kept free before anything new has to be refused.
constexpr double kAboveFloor = 1.25;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kRowsAtOnce = 2000;
// It is woken when a fiftieth of the budget came above it, and does not rest while a tenth is above it.
constexpr int64_t kWakeShare = 50;
constexpr int64_t kHurryShare = 10;
// Between two requests for room.
constexpr std::chrono::seconds kRoomPause{2};

}  // namespace

Collector::Collector(DiskBlobStore& blobs, std::unique_ptr<storage::RecordStore> records,
                     storage::LogStore& logs, const HeldBlobs& held, DiskRoom& room, Clock& clock,
                     CollectorOptions options)
    : blobs_(blobs),
      records_(std::move(records)),
      kept_(records_->connection()),
      room_(room),
      clock_(clock),
      options_(options),
      pacer_(stop_.get_token(),
             [this](std::chrono::nanoseconds time) {
               MutexLock lock(mutex_);
               if (orders_.empty() && !woken_) changed_.WaitFor(mutex_, time);
             }),
      roots_(records_->connection(), held, blobs.uses(), Documents(), [this] { return pacer_.Breathe(); }),
      aging_({.connection = records_->connection(),
              .logs = logs,
              .uses = blobs.uses(),
              .damaged_folder = blobs.folder() + "/corrupt",
              .pace = [this] { return pacer_.Breathe(); },
              .bucket = options_.bucket}),
      row_aging_(
          records_->connection(), [this] { return pacer_.Breathe(); },
          [this](const BlobName& name) { return aging_.UsedAt(name); }) {}

Collector::~Collector() { Stop(); }

void Collector::Start() {
  blobs_.uses().OnGrowth([this] {
    MutexLock lock(mutex_);
    grown_ = true;
    changed_.NotifyAll();
  });
  thread_ = std::jthread([this] { Run(stop_.get_token()); });
}

void Collector::Stop() {
  blobs_.uses().OnGrowth(nullptr);
  stop_.request_stop();
  {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

Policies Collector::policies() const {
  MutexLock lock(mutex_);
  return policies_;
}

void Collector::SetPolicies(const Policies& policies) {
  MutexLock lock(mutex_);
  policies_ = policies;
  woken_ = true;
  changed_.NotifyAll();
}

int64_t Collector::budget() const {
  const int64_t set = policies()[Policy::kBlobsBudget];
  return set == kNoLimit ? AutomaticBudget(room_.space().total, room_.least_space()) : set;
}

int64_t Collector::Excess() const {
  int64_t excess = blobs_.uses().disk_bytes() - budget();
  const DiskSpace space = room_.space();
  const double wanted = static_cast<double>(room_.least_space()) * kAboveFloor;
  if (static_cast<double>(space.free) < wanted)
    excess = std::max(excess, static_cast<int64_t>(wanted - static_cast<double>(space.free)));
  return std::max<int64_t>(excess, 0);
}

int64_t Collector::WantedOf(const SweepRequest& request) const {
  if (!request.all) return Excess();
  if (request.keep_bytes == 0) return INT64_MAX;
  return std::max<int64_t>(blobs_.uses().disk_bytes() - request.keep_bytes, 0);
}

absl::Status Collector::Scan() {
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    RETURN_IF_ERROR(pacer_.Breathe());
    RETURN_IF_ERROR(ScanBlobs(blobs_.folder(), shard, blobs_.uses()));
  }
  blobs_.uses().SetComplete();
  LogInfo("blobs={} bytes={} budget={}", blobs_.uses().count(), blobs_.uses().disk_bytes(), budget());
  return absl::OkStatus();
}

absl::StatusOr<SweepReport> Collector::Collect(const SweepRequest& request, bool hurried) {
  pacer_.Begin(hurried);
  SweepReport report;
  report.budget = budget();
  // Before anything is asked: what becomes needed from now on is used from now on.
  const int64_t began = UnixNanos(clock_.Now());
  if (request.aged) {
    // First: the blobs of an image whose name goes may go with it.
    ASSIGN_OR_RETURN(report.aged, aging_.Run(policies(), began, request.dry_run));
  }
  const int64_t grace = policies()[Policy::kBlobsGrace] * kSecond;
  ASSIGN_OR_RETURN(const Needed needed, roots_.Find());
  if (request.aged) {
    ASSIGN_OR_RETURN(
        const std::vector<AgedSum> rows,
        row_aging_.Run(policies(), needed.blobs, began, needed.unplanned_since, request.dry_run));
    report.aged.insert(report.aged.end(), rows.begin(), rows.end());
  }
  const int64_t horizon =
      std::min(std::min(began, needed.unplanned_since) - grace, began - request.unused_seconds * kSecond);
  BlobNames layers;
  if (request.classify) {
    ASSIGN_OR_RETURN(layers, LayersOfExecutions());
  }
  SweepOrder order;
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    RETURN_IF_ERROR(pacer_.Breathe());
    std::vector<BlobUse> uses = blobs_.uses().Shard(shard);
    for (const BlobUse& use : uses) {
      if (const auto keeper = needed.blobs.Find(use.name)) {
        report.needed[static_cast<size_t>(*keeper)].Add(use);
      } else {
        (layers.Contains(use.name) ? report.layers : report.rest).Add(use);
      }
    }
    report.recent_bytes += order
                               .AddShard(std::move(uses), needed.parted[static_cast<size_t>(shard)],
                                         needed.blobs, needed.parts, horizon)
                               .recent_bytes;
  }
  // Before a bucket the disk only loses what it has as well, or what nothing needs at all if that is wanted.
  if (options_.bucket == nullptr || request.all)
    RETURN_IF_ERROR(Remove(order, horizon, WantedOf(request), request, &report));
  // How much stays is said of the disk: the bucket keeps to its own budget then.
  SweepRequest of_bucket = request;
  of_bucket.all = request.all && request.keep_bytes == 0;
  if (options_.bucket != nullptr) RETURN_IF_ERROR(SweepBucket(of_bucket, needed, horizon, &report.bucket));
  report.total_blobs = blobs_.uses().count();
  report.total_bytes = blobs_.uses().disk_bytes();
  report.longest_step = pacer_.longest();
  report.longest_computing = pacer_.longest_busy();
  // Of what was looked at: what came meanwhile is looked at the next time.
  int64_t left = report.layers.bytes + report.rest.bytes - report.bytes;
  for (const BlobSum& sum : report.needed) left += sum.bytes;
  if (options_.bucket == nullptr && report.exhausted && left > report.budget)
    report.over_budget = WhyOver(report);
  return report;
}

absl::StatusOr<BlobNames> Collector::LayersOfExecutions() {
  BlobNames layers;
  int64_t behind = 0;
  while (true) {
    RETURN_IF_ERROR(pacer_.Breathe());
    ASSIGN_OR_RETURN(const storage::KeptRecords::Page page, kept_.ExecutionLayers(behind, kRowsAtOnce));
    if (page.last == behind) return layers;
    behind = page.last;
    for (const std::string& hash : page.hashes) layers.Add(NameOfHash(hash));
  }
}

absl::Status Collector::Remove(SweepOrder& order, int64_t horizon, int64_t excess,
                               const SweepRequest& request, SweepReport* report) {
  while (report->bytes < excess) {
    RETURN_IF_ERROR(pacer_.Breathe());
    const std::optional<BlobUse> next = order.Next();
    if (!next) {
      report->exhausted = true;
      return absl::OkStatus();
    }
    if (!request.dry_run) {
      const absl::StatusOr<bool> removed = RemoveBlob(blobs_.folder(), next->name, horizon, blobs_.uses());
      // One that cannot be removed is no reason to keep the others.
      if (!removed.ok()) {
        LogWarning("a blob stays: {}", Sv(removed.status().message()));
        report->stuck_bytes += next->disk_bytes;
      }
      // It was used meanwhile.
      if (!removed.value_or(false)) continue;
    }
    ++report->blobs;
    report->bytes += next->disk_bytes;
  }
  return absl::OkStatus();
}

std::string Collector::WhyOver(const SweepReport& report) const {
  std::vector<std::string> kept;
  for (size_t keeper = 0; keeper < report.needed.size(); ++keeper) {
    const int64_t bytes = report.needed[keeper].bytes;
    if (bytes > 0) {
      kept.push_back(fmt::format("{} for {}", SpaceInWords(static_cast<uint64_t>(bytes)),
                                 storage::Words(static_cast<storage::NeededBy>(keeper))));
    }
  }
  if (report.recent_bytes > 0)
    kept.push_back(fmt::format("{} used less than {} ago",
                               SpaceInWords(static_cast<uint64_t>(report.recent_bytes)),
                               PolicyText(RuleOf(Policy::kBlobsGrace), policies()[Policy::kBlobsGrace])));
  if (report.stuck_bytes > 0)
    kept.push_back(fmt::format("{} that cannot be removed, as its log says",
                               SpaceInWords(static_cast<uint64_t>(report.stuck_bytes))));
  return fmt::format(
      "the coordinator's blobs take {}, more than the policy blobs.budget allows ({}), and none of it can go "
      "({}): nothing new is taken until images or pins are removed, or the budget is raised with `crossmill "
      "admin policy set blobs.budget=SIZE`; it goes on by itself then",
      SpaceInWords(static_cast<uint64_t>(report.total_bytes)),
      SpaceInWords(static_cast<uint64_t>(report.budget)), absl::StrJoin(kept, ", "));
}

void Collector::Age() {
  const absl::Time now = clock_.Now();
  if (now < aged_at_ + options_.aging) return;
  aged_at_ = now;
  pacer_.Begin(false);
  const auto aged = aging_.Run(policies(), UnixNanos(now), false);
  if (!aged.ok()) {
    if (!absl::IsCancelled(aged.status()))
      LogWarning("what is too old stays: {}", Sv(aged.status().message()));
    return;
  }
  for (const AgedSum& sum : *aged) LogInfo("aged {}={} bytes={}", sum.kind, sum.count, sum.bytes);
  // Of a blob that is not known yet nobody knows when it was used.
  if (now < rows_aged_at_ + options_.row_aging || !blobs_.uses().complete()) return;
  rows_aged_at_ = now;
  const auto rows = AgeRows(now);
  if (!rows.ok() && !absl::IsCancelled(rows.status()))
    LogWarning("rows that are too old stay: {}", Sv(rows.status().message()));
  if (!rows.ok()) return;
  for (const AgedSum& sum : *rows) LogInfo("aged {}={}", sum.kind, sum.count);
}

absl::StatusOr<std::vector<AgedSum>> Collector::AgeRows(absl::Time now) {
  ASSIGN_OR_RETURN(const Needed needed, roots_.Find());
  return row_aging_.Run(policies(), needed.blobs, UnixNanos(now), needed.unplanned_since, false);
}

void Collector::LookAround(bool hurried) {
  if (options_.bucket != nullptr) return LookAtBucket(hurried);
  const absl::Time now = clock_.Now();
  if (Excess() == 0) return room_.SetOverBudget("");
  if (!hurried && now < quiet_until_) return;
  const auto report = Collect({}, hurried || Excess() > budget() / kHurryShare);
  if (!report.ok()) {
    if (!absl::IsCancelled(report.status()))
      LogWarning("no blobs could be removed: {}", Sv(report.status().message()));
    quiet_until_ = now + options_.patience;
    return;
  }
  room_.SetOverBudget(report->over_budget);
  if (report->blobs > 0)
    LogInfo("removed blobs={} bytes={} left={} budget={}", report->blobs, report->bytes, report->total_bytes,
            report->budget);
  if (!report->exhausted || Excess() == 0) return;
  // What was used a moment ago can go when the grace time is over.
  const absl::Duration grace = absl::Seconds(policies()[Policy::kBlobsGrace]);
  quiet_until_ =
      now + (report->recent_bytes > 0 ? std::min(options_.patience, grace / 2) : options_.patience);
}

void Collector::AskToBeWoken() {
  const int64_t allowed = budget();
  if (allowed == kNoLimit || !blobs_.uses().complete()) return;
  // What could not be removed a moment ago is looked for again by the clock.
  const int64_t from = std::max(allowed, blobs_.uses().disk_bytes());
  blobs_.uses().WakeAbove(from + allowed / kWakeShare);
}

void Collector::Obey(const std::vector<std::shared_ptr<Order>>& orders) {
  for (const std::shared_ptr<Order>& order : orders) {
    absl::StatusOr<SweepReport> report = Collect(order->request, true);
    if (report.ok() && !order->request.dry_run) room_.SetOverBudget(report->over_budget);
    MutexLock lock(mutex_);
    order->report = std::move(report);
    order->done = true;
    changed_.NotifyAll();
  }
}

void Collector::Run(const std::stop_token& stop) {
  pacer_.Begin(false);
  while (options_.bucket == nullptr && !stop.stop_requested()) {
    const absl::Status scanned = Scan();
    if (scanned.ok()) break;
    // Nothing is removed by what is known in part.
    LogWarning("the blob store cannot be looked through: {}", Sv(scanned.message()));
    MutexLock lock(mutex_);
    changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(options_.patience));
  }
  if (options_.await_builds && !stop.stop_requested()) options_.await_builds();
  while (!stop.stop_requested()) {
    std::vector<std::shared_ptr<Order>> orders;
    bool hurried = false;
    {
      MutexLock lock(mutex_);
      orders.swap(orders_);
      hurried = std::exchange(woken_, false);
      grown_ = false;
      ++begun_;
    }
    Obey(orders);
    LookAround(hurried);
    Age();
    AskToBeWoken();
    MutexLock lock(mutex_);
    looked_ = begun_;
    changed_.NotifyAll();
    if (orders_.empty() && !woken_ && !grown_ && !stop.stop_requested())
      changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(options_.interval));
  }
}

absl::StatusOr<SweepReport> Collector::Sweep(const SweepRequest& request, const std::stop_token& stop) {
  if (!blobs_.uses().complete())
    return absl::UnavailableError("the coordinator still looks what its store has; try again in a moment");
  const auto order = std::make_shared<Order>();
  order->request = request;
  MutexLock lock(mutex_);
  orders_.push_back(order);
  changed_.NotifyAll();
  while (!order->done) {
    if (stop.stop_requested() || stop_.stop_requested()) return absl::CancelledError("cancelled");
    changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
  }
  return order->report;
}

void Collector::MakeRoom() {
  const auto now = std::chrono::steady_clock::now();
  MutexLock lock(mutex_);
  // What was looked for in vain a moment ago is not there yet.
  if (now < next_room_) return;
  woken_ = true;
  const int64_t wanted = begun_ + 1;
  changed_.NotifyAll();
  while (looked_ < wanted && !stop_.stop_requested()) {
    const auto left =
        now + absl::ToChronoNanoseconds(options_.make_room_wait) - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) break;
    changed_.WaitFor(mutex_, left);
  }
  next_room_ = std::chrono::steady_clock::now() + kRoomPause;
}

}  // namespace crossmill::coordinator
