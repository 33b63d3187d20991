#include "cli/show/console_lines.h"

#include "cli/show/text.h"

namespace crossmill::cli {
namespace {

// A line without an end is passed on in pieces rather than kept.
constexpr size_t kLongestLine = 64 << 10;

}  // namespace

void LineAssembler::TakeText(char c, std::vector<std::string>* lines) {
  if (c == '\n' || line_.size() >= kLongestLine) {
    lines->push_back(Printable(line_));
    line_.clear();
    returned_ = false;
    if (c == '\n') return;
  }
  if (c == '\r') {
    returned_ = true;
  } else if (c == '\b') {
    if (!line_.empty()) line_.pop_back();
  } else if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') {
    if (returned_) line_.clear();
    returned_ = false;
    line_ += c;
  }
}

std::vector<std::string> LineAssembler::Feed(std::string_view bytes) {
  std::vector<std::string> lines;
  for (const char c : bytes) {
    switch (state_) {
      case State::kText:
        if (c == '\x1b') {
          state_ = State::kEscape;
        } else {
          TakeText(c, &lines);
        }
        break;
      case State::kEscape:
        // "[" opens a control sequence; "]", "P", "X", "^", "_" open strings that end in BEL or ESC \.
        if (c == '[') {
          state_ = State::kControl;
        } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
          state_ = State::kString;
        } else if (c >= 0x20 && c <= 0x2F) {
          // Intermediate byte of a longer sequence, as in ESC ( B.
        } else {
          state_ = State::kText;
        }
        break;
      case State::kControl:
        if (c >= 0x40 && c <= 0x7E) state_ = State::kText;
        break;
      case State::kString:
        if (c == '\a') state_ = State::kText;
        if (c == '\x1b') state_ = State::kStringEscape;
        break;
      case State::kStringEscape:
        state_ = c == '\\' ? State::kText : State::kString;
        break;
    }
  }
  return lines;
}

std::vector<std::string> LineAssembler::Finish() {
  state_ = State::kText;
  returned_ = false;
  if (line_.empty()) return {};
  std::vector<std::string> lines = {Printable(line_)};
  line_.clear();
  return lines;
}

std::vector<ConsoleLine> ConsoleLines::Feed(int64_t execution, uint32_t stage, uint32_t replica,
                                            int64_t offset, const v1::LogChunk& chunk) {
  Console& console = consoles_[execution];
  console.stage = stage;
  console.replica = replica;
  console.step = chunk.step_number();
  // Offsets alone are not enough: a coordinator that was killed may count anew for a step that went on.
  if (offset < console.next_offset && chunk.time() <= console.last_time) return {};
  console.last_time = chunk.time();
  console.next_offset = offset + 1;
  const int stream = chunk.stream() == v1::LogChunk::STREAM_STDERR   ? 1
                     : chunk.stream() == v1::LogChunk::STREAM_WORKER ? 2
                                                                     : 0;
  std::vector<ConsoleLine> result;
  for (std::string& text : console.streams[stream].Feed(chunk.data())) {
    result.push_back({execution, stage, replica, chunk.step_number(), chunk.time(), std::move(text)});
  }
  return result;
}

std::vector<ConsoleLine> ConsoleLines::FinishStep(uint32_t stage, uint32_t replica, uint32_t step,
                                                  int64_t time) {
  std::vector<ConsoleLine> result;
  for (auto& [execution, console] : consoles_) {
    if (console.stage != stage || console.replica != replica || console.step != step) continue;
    for (LineAssembler& stream : console.streams) {
      for (std::string& text : stream.Finish()) {
        result.push_back({execution, stage, replica, step, time, std::move(text)});
      }
    }
  }
  return result;
}

}  // namespace crossmill::cli
