// From pieces of a console to lines: chunk borders, carriage returns, terminal control sequences.
#include <array>

#include "common/base/utf8.h"
#include "coordinator/core/console_packages.h"

namespace crossmill::core {
namespace {

constexpr size_t kLongestLine = 16 << 10;

// One stream's line in the making.
class LineSplitter {
 public:
  explicit LineSplitter(std::vector<ConsoleLine>* lines) : lines_(lines) {}

  void Add(std::string_view bytes, int64_t time_ns) {
    time_ns_ = time_ns;
    for (const char c : bytes) Add(c);
  }

  // What was left without a line end.
  void Finish() {
    if (!text_.empty()) Emit();
  }

 private:
  enum class State { kText, kEscape, kControl, kTitle, kTitleEscape };

  void Add(char c) {
    switch (state_) {
      case State::kText:
        AddText(c);
        return;
      case State::kEscape:
        // CSI (ESC [) and OSC (ESC ]) go on; every other sequence is two characters long here.
        state_ = c == '[' ? State::kControl : c == ']' ? State::kTitle : State::kText;
        return;
      case State::kControl:
        if (c >= 0x40 && c <= 0x7e) state_ = State::kText;
        return;
      case State::kTitle:
        if (c == '\a') state_ = State::kText;
        if (c == '\x1b') state_ = State::kTitleEscape;
        return;
      case State::kTitleEscape:
        state_ = State::kText;
        return;
    }
  }

  void AddText(char c) {
    if (c == '\x1b') {
      state_ = State::kEscape;
    } else if (c == '\n') {
      Emit();
    } else if (c == '\r') {
      overwritten_ = true;
    } else {
      // Only something printed after the return overwrites: "\r\n" ends a line like "\n".
      if (overwritten_) text_.clear();
      overwritten_ = false;
      if (text_.size() < kLongestLine) text_.push_back(c);
    }
  }

  void Emit() {
    lines_->push_back({time_ns_, ValidUtf8(text_)});
    text_.clear();
    overwritten_ = false;
  }

  std::vector<ConsoleLine>* lines_;
  State state_ = State::kText;
  bool overwritten_ = false;
  int64_t time_ns_ = 0;
  std::string text_;
};

}  // namespace

std::vector<ConsoleLine> SplitConsole(absl::Span<const v1::LogChunk> chunks) {
  std::vector<ConsoleLine> lines;
  // Indexed by LogChunk::Stream; an unknown stream of a newer worker counts as the worker's own.
  std::array<LineSplitter, 3> streams = {LineSplitter(&lines), LineSplitter(&lines), LineSplitter(&lines)};
  for (const v1::LogChunk& chunk : chunks) {
    const int stream = chunk.stream();
    streams[stream >= 0 && stream < 3 ? stream : 2].Add(chunk.data(), chunk.time());
  }
  for (LineSplitter& stream : streams) stream.Finish();
  return lines;
}

}  // namespace crossmill::core
