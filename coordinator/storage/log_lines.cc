#include "coordinator/storage/log_lines.h"

#include <re2/re2.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::storage {
namespace {

constexpr int kDefaultLines = 1000;
constexpr int kMostLines = 10'000;
constexpr int64_t kMarkStride = 256 << 10;
constexpr size_t kMostIndexes = 64;
constexpr int kChunksAtOnce = 128;
constexpr size_t kMostLineBytes = 16 << 10;
constexpr size_t kMostPageBytes = 4 << 20;
constexpr int64_t kMostSearchedBytes = 16 << 20;
constexpr size_t kLongestSearch = 1000;

// Chunks in a row; what goes over the ends of chunks is put together.
class LineReader {
 public:
  // `lines` have ended before what is fed.
  explicit LineReader(int64_t lines) : lines_(lines) {}

  // Feeds a chunk; `take` is called with each line that has ended and says whether to go on. False: it did
  // not.
  template <typename Take>
  bool Feed(const v1::LogChunk& chunk, const Take& take) {
    std::string_view data = chunk.data();
    while (!data.empty()) {
      if (!open_) Begin(chunk);
      const size_t end = data.find('\n');
      Add(data.substr(0, end));
      if (end == std::string_view::npos) return true;
      data.remove_prefix(end + 1);
      if (!take(Finish())) return false;
    }
    return true;
  }

  // The last line, if it has not ended.
  std::optional<v1::LogLine> Rest() {
    if (!open_) return std::nullopt;
    return Finish();
  }

 private:
  void Begin(const v1::LogChunk& chunk) {
    open_ = true;
    text_.clear();
    line_.Clear();
    line_.set_number(lines_ + 1);
    line_.set_time(chunk.time());
    line_.set_stream(chunk.stream());
  }

  void Add(std::string_view piece) {
    const size_t room = kMostLineBytes - text_.size();
    text_ += piece.substr(0, room);
    if (piece.size() > room) line_.set_cut(true);
  }

  v1::LogLine Finish() {
    if (!line_.cut() && text_.ends_with('\r')) text_.pop_back();
    line_.set_text(ValidUtf8(text_));
    open_ = false;
    ++lines_;
    return std::move(line_);
  }

  int64_t lines_;
  bool open_ = false;
  std::string text_;
  v1::LogLine line_;
};

// What a search looks for; none: everything.
class LineFilter {
 public:
  static absl::StatusOr<LineFilter> Make(const v1::ListLogLinesRequest& request) {
    LineFilter filter;
    if (request.search().empty()) return filter;
    if (request.search().size() > kLongestSearch) {
      return absl::InvalidArgumentError(fmt::format("search is longer than {} bytes", kLongestSearch));
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_literal(!request.regex());
    options.set_case_sensitive(request.regex());
    filter.pattern_ = std::make_unique<re2::RE2>(request.search(), options);
    if (!filter.pattern_->ok())
      return absl::InvalidArgumentError(fmt::format("search: {}", filter.pattern_->error()));
    return filter;
  }

  bool searches() const { return pattern_ != nullptr; }
  bool Matches(const std::string& text) const {
    return pattern_ == nullptr || re2::RE2::PartialMatch(text, *pattern_);
  }

 private:
  std::unique_ptr<re2::RE2> pattern_;
};

// A page while it is filled.
struct LinePage {
  const LineFilter& filter;
  const int limit;
  const int64_t offset;
  v1::ListLogLinesResponse* response;
  size_t text_bytes = 0;
  int64_t searched_bytes = 0;

  // False: the page is full.
  bool Take(v1::LogLine line) {
    if (line.number() <= offset) return true;
    response->set_next_offset(line.number());
    searched_bytes += static_cast<int64_t>(line.text().size()) + 1;
    if (filter.Matches(line.text())) {
      text_bytes += line.text().size();
      *response->add_lines() = std::move(line);
    }
    return response->lines_size() < limit && text_bytes < kMostPageBytes &&
           (!filter.searches() || searched_bytes < kMostSearchedBytes);
  }
};

}  // namespace

// Of one log, as far as it was counted.
struct LogLines::Index {
  // A chunk with which a line begins, and how many lines are before it.
  struct Mark {
    int64_t chunk = 0;
    int64_t lines = 0;
  };

  // The last mark from which the line behind `offset` lines can be read.
  Mark Before(int64_t offset) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto after = std::upper_bound(marks.begin(), marks.end(), offset,
                                        [](int64_t lines, const Mark& mark) { return lines < mark.lines; });
    return after == marks.begin() ? Mark() : *std::prev(after);
  }

  void Reset() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    marks.clear();
    chunks = lines = unmarked = 0;
    open = false;
  }

  void Count(const v1::LogChunk& chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (!open && unmarked >= kMarkStride) {
      marks.push_back({chunks, lines});
      unmarked = 0;
    }
    lines += std::count(chunk.data().begin(), chunk.data().end(), '\n');
    open = !chunk.data().ends_with('\n');
    unmarked += static_cast<int64_t>(chunk.data().size());
    ++chunks;
  }

  int64_t Total() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return lines + (open ? 1 : 0); }

  // Order of use, guarded by the lock of LogLines.
  int64_t last_use = 0;

  Mutex mutex;
  std::vector<Mark> marks ABSL_GUARDED_BY(mutex);
  int64_t chunks ABSL_GUARDED_BY(mutex) = 0;
  // That have ended.
  int64_t lines ABSL_GUARDED_BY(mutex) = 0;
  // The last line has not ended.
  bool open ABSL_GUARDED_BY(mutex) = false;
  // Bytes since the last mark.
  int64_t unmarked ABSL_GUARDED_BY(mutex) = 0;
};

std::shared_ptr<LogLines::Index> LogLines::Find(int64_t execution) {
  MutexLock lock(mutex_);
  std::shared_ptr<Index>& index = indexes_[execution];
  if (index == nullptr) index = std::make_shared<Index>();
  index->last_use = ++uses_;
  std::shared_ptr<Index> found = index;
  if (indexes_.size() > kMostIndexes) {
    indexes_.erase(std::min_element(indexes_.begin(), indexes_.end(), [](const auto& a, const auto& b) {
      return a.second->last_use < b.second->last_use;
    }));
  }
  return found;
}

absl::Status LogLines::Extend(int64_t execution, Index& index) {
  MutexLock lock(index.mutex);
  ASSIGN_OR_RETURN(const int64_t chunks, logs_.ChunkCount(execution));
  // It was discarded in the meantime.
  if (chunks < index.chunks) index.Reset();
  while (index.chunks < chunks) {
    ASSIGN_OR_RETURN(const std::vector<v1::LogChunk> more,
                     logs_.Read(execution, index.chunks, kChunksAtOnce));
    if (more.empty()) break;
    for (const v1::LogChunk& chunk : more) index.Count(chunk);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ListLogLinesResponse> LogLines::List(const v1::ListLogLinesRequest& request) {
  if (request.offset() < 0) return absl::InvalidArgumentError("offset is negative");
  if (request.limit() < 0) return absl::InvalidArgumentError("limit is negative");
  ASSIGN_OR_RETURN(const LineFilter filter, LineFilter::Make(request));
  const std::shared_ptr<Index> index = Find(request.execution());
  RETURN_IF_ERROR(Extend(request.execution(), *index));
  Index::Mark mark;
  v1::ListLogLinesResponse response;
  {
    MutexLock lock(index->mutex);
    mark = index->Before(request.offset());
    response.set_total_lines(index->Total());
  }
  response.set_next_offset(std::min(request.offset(), response.total_lines()));
  const int limit = request.limit() == 0 ? kDefaultLines : std::min(request.limit(), kMostLines);
  LinePage page{filter, limit, request.offset(), &response};
  LineReader reader(mark.lines);
  const auto take = [&page](v1::LogLine line) { return page.Take(std::move(line)); };
  for (int64_t next = mark.chunk;;) {
    ASSIGN_OR_RETURN(const std::vector<v1::LogChunk> chunks,
                     logs_.Read(request.execution(), next, kChunksAtOnce));
    for (const v1::LogChunk& chunk : chunks) {
      if (reader.Feed(chunk, take)) continue;
      response.set_more(response.next_offset() < response.total_lines());
      return response;
    }
    next += static_cast<int64_t>(chunks.size());
    if (chunks.empty()) break;
  }
  if (std::optional<v1::LogLine> rest = reader.Rest()) page.Take(*std::move(rest));
  // What came while it was read.
  response.set_total_lines(std::max(response.total_lines(), response.next_offset()));
  return response;
}

}  // namespace crossmill::storage
