#include "coordinator/buildkit/status/status_board.h"

#include <fmt/format.h>

#include <deque>
#include <utility>

#include "common/base/digest.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr char kDropped[] = "the work on it was given up";
constexpr char kClipped[] = "[the rest of the output is not shown here; the build's page has all of it]\n";
// Of a vertex or a count beside its texts.
constexpr size_t kEntryBytes = 64;

void SetTime(int64_t nanos, google::protobuf::Timestamp* time) {
  time->set_seconds(nanos / 1'000'000'000);
  time->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

size_t SizeOf(const bk::StatusResponse& entry) { return entry.ByteSizeLong() + kEntryBytes; }

}  // namespace

std::string VertexDigest(std::string_view text) { return "sha256:" + Sha256Hex(text); }

struct StatusBoard::Kept {
  Kept(Clock& given_clock, std::string given_salt, BoardLimits given_limits)
      : clock(given_clock), salt(std::move(given_salt)), limits(given_limits) {}

  Clock& clock;
  const std::string salt;
  const BoardLimits limits;
  Mutex mutex;
  CondVar changed;
  // Each with one thing.
  std::deque<bk::StatusResponse> entries ABSL_GUARDED_BY(mutex);
  size_t bytes ABSL_GUARDED_BY(mutex) = 0;
  bool clipped ABSL_GUARDED_BY(mutex) = false;
  bool closed ABSL_GUARDED_BY(mutex) = false;
  int begun ABSL_GUARDED_BY(mutex) = 0;
  // By digest, as they were told last: those that have begun and not ended.
  std::map<std::string, bk::Vertex> open ABSL_GUARDED_BY(mutex);
  // By digest and line: when it was told last, and when it began.
  struct Count {
    int64_t told = 0;
    int64_t began = 0;
  };
  std::map<std::pair<std::string, std::string>, Count> counts ABSL_GUARDED_BY(mutex);

  int64_t Now() { return UnixNanos(clock.Now()); }

  void Add(bk::StatusResponse entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    bytes += SizeOf(entry);
    entries.push_back(std::move(entry));
    changed.NotifyAll();
  }

  // Whether there is room for what may be left out; says once on that vertex that there is none.
  bool HasRoom(size_t size, const std::string& digest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (bytes + size <= limits.most_bytes) return true;
    if (!clipped) {
      clipped = true;
      bk::StatusResponse entry;
      bk::VertexLog& log = *entry.add_logs();
      log.set_vertex(digest);
      SetTime(Now(), log.mutable_timestamp());
      log.set_stream(2);
      log.set_msg(kClipped);
      Add(std::move(entry));
    }
    return false;
  }

  void AddVertex(const bk::Vertex& vertex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (vertex.has_started() && !vertex.has_completed()) {
      open[vertex.digest()] = vertex;
    } else {
      open.erase(vertex.digest());
    }
    bk::StatusResponse entry;
    *entry.add_vertexes() = vertex;
    Add(std::move(entry));
  }

  void Tell(const bk::Vertex& vertex) {
    MutexLock lock(mutex);
    if (!closed) AddVertex(vertex);
  }

  void Log(const std::string& digest, int stream, int64_t time, std::string_view text) {
    MutexLock lock(mutex);
    if (closed) return;
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, limits.message_bytes);
      text.remove_prefix(piece.size());
      if (!HasRoom(piece.size() + kEntryBytes, digest)) return;
      bk::StatusResponse entry;
      bk::VertexLog& log = *entry.add_logs();
      log.set_vertex(digest);
      SetTime(time, log.mutable_timestamp());
      log.set_stream(stream);
      log.set_msg(std::string(piece));
      Add(std::move(entry));
    }
  }

  void Tally(const std::string& digest, std::string_view id, int64_t current, int64_t total, bool done) {
    const int64_t now = Now();
    MutexLock lock(mutex);
    if (closed) return;
    const auto key = std::make_pair(digest, std::string(id));
    const auto found = counts.find(key);
    const bool first = found == counts.end();
    if (!first && !done && now - found->second.told < limits.count_pause_nanos) return;
    if (!HasRoom(id.size() + 2 * kEntryBytes, digest)) return;
    Count& count = first ? counts[key] : found->second;
    count.told = now;
    if (first) count.began = now;
    bk::StatusResponse entry;
    bk::VertexStatus& status = *entry.add_statuses();
    status.set_id(ValidUtf8(id));
    status.set_vertex(digest);
    status.set_name(ValidUtf8(id));
    status.set_current(current);
    status.set_total(total);
    SetTime(now, status.mutable_timestamp());
    SetTime(count.began, status.mutable_started());
    if (done) {
      SetTime(now, status.mutable_completed());
      counts.erase(key);
    }
    Add(std::move(entry));
  }
};

class StatusBoard::Vertex final : public ProgressVertex {
 public:
  Vertex(std::shared_ptr<Kept> kept, bk::Vertex vertex)
      : kept_(std::move(kept)), vertex_(std::move(vertex)) {}
  ~Vertex() override { Complete(false, kDropped); }

  const std::string& digest() const override { return vertex_.digest(); }
  void Status(std::string_view id, int64_t current, int64_t total, bool done) override {
    kept_->Tally(vertex_.digest(), id, current, total, done);
  }
  void Log(int stream, std::string_view bytes) override {
    kept_->Log(vertex_.digest(), stream, kept_->Now(), bytes);
  }
  void End(bool cached) override { Complete(cached, ""); }
  void Fail(std::string_view error) override { Complete(false, error.empty() ? "failed" : error); }

 private:
  void Complete(bool cached, std::string_view error) {
    const int64_t now = kept_->Now();
    MutexLock lock(kept_->mutex);
    if (ended_) return;
    ended_ = true;
    if (kept_->closed) return;
    bk::Vertex told = vertex_;
    told.set_cached(cached);
    SetTime(now, told.mutable_completed());
    told.set_error(ValidUtf8(error));
    kept_->AddVertex(told);
  }

  const std::shared_ptr<Kept> kept_;
  const bk::Vertex vertex_;
  bool ended_ ABSL_GUARDED_BY(kept_->mutex) = false;
};

StatusBoard::StatusBoard(Clock& clock, std::string salt, BoardLimits limits)
    : kept_(std::make_shared<Kept>(clock, std::move(salt), limits)) {}
StatusBoard::~StatusBoard() { Close(kDropped); }

std::shared_ptr<ProgressVertex> StatusBoard::Begin(std::string_view name,
                                                   const std::vector<std::string>& inputs) {
  bk::Vertex vertex;
  vertex.set_name(ValidUtf8(name));
  for (const std::string& input : inputs) vertex.add_inputs(input);
  SetTime(kept_->Now(), vertex.mutable_started());
  {
    MutexLock lock(kept_->mutex);
    vertex.set_digest(VertexDigest(fmt::format("{} {} {}", kept_->salt, ++kept_->begun, vertex.name())));
    if (!kept_->closed) kept_->AddVertex(vertex);
  }
  return std::make_shared<Vertex>(kept_, std::move(vertex));
}

void StatusBoard::Tell(const bk::Vertex& vertex) { kept_->Tell(vertex); }

void StatusBoard::TellLog(const std::string& digest, int stream, int64_t time_nanos, std::string_view bytes) {
  kept_->Log(digest, stream, time_nanos, bytes);
}

void StatusBoard::TellCount(const std::string& digest, std::string_view id, int64_t current, int64_t total,
                            bool done) {
  kept_->Tally(digest, id, current, total, done);
}

void StatusBoard::TellWarning(const bk::VertexWarning& warning) {
  MutexLock lock(kept_->mutex);
  if (kept_->closed || !kept_->HasRoom(warning.ByteSizeLong() + kEntryBytes, warning.vertex())) return;
  bk::StatusResponse entry;
  *entry.add_warnings() = warning;
  kept_->Add(std::move(entry));
}

void StatusBoard::Close(std::string_view open_ones_error) {
  const int64_t now = kept_->Now();
  MutexLock lock(kept_->mutex);
  if (kept_->closed) return;
  const std::map<std::string, bk::Vertex> open = std::move(kept_->open);
  kept_->open.clear();
  for (const auto& [digest, vertex] : open) {
    bk::Vertex told = vertex;
    SetTime(now, told.mutable_completed());
    told.set_error(ValidUtf8(open_ones_error));
    kept_->AddVertex(told);
  }
  kept_->closed = true;
  kept_->changed.NotifyAll();
}

bool StatusBoard::Next(size_t* place, bk::StatusResponse* response, std::stop_token stop) {
  response->Clear();
  Kept& kept = *kept_;
  const std::stop_callback wake(stop, [&kept] {
    MutexLock lock(kept.mutex);
    kept.changed.NotifyAll();
  });
  MutexLock lock(kept.mutex);
  while (*place >= kept.entries.size() && !kept.closed && !stop.stop_requested())
    kept.changed.Wait(kept.mutex);
  if (stop.stop_requested() || *place >= kept.entries.size()) return false;
  size_t size = 0;
  while (*place < kept.entries.size()) {
    const bk::StatusResponse& entry = kept.entries[*place];
    const size_t more = SizeOf(entry);
    if (size > 0 && size + more > kept.limits.message_bytes) break;
    response->MergeFrom(entry);
    size += more;
    ++*place;
  }
  return true;
}

bool StatusBoard::EndsAt(size_t place) {
  MutexLock lock(kept_->mutex);
  return kept_->closed && place >= kept_->entries.size();
}

}  // namespace crossmill::coordinator::buildkit
