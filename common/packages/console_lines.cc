// Chunk borders, carriage returns, terminal control sequences.
#include "common/packages/console_lines.h"

#include "common/base/utf8.h"

namespace crossmill::packages {
namespace {

// "Successfully installed" names every package of a run on one line.
constexpr size_t kLongestLine = 256 << 10;

}  // namespace

void ConsoleLineReader::Add(const v1::LogChunk& chunk, const Sink& sink) {
  const int number = chunk.stream();
  Stream& stream = streams_[number >= 0 && number < 3 ? number : 2];
  stream.time_ns = chunk.time();
  for (const char c : chunk.data()) Add(stream, c, sink);
}

void ConsoleLineReader::Finish(const Sink& sink) {
  for (Stream& stream : streams_) {
    if (!stream.text.empty()) Emit(stream, sink);
  }
}

void ConsoleLineReader::Add(Stream& stream, char c, const Sink& sink) {
  switch (stream.state) {
    case State::kText:
      AddText(stream, c, sink);
      return;
    case State::kEscape:
      // CSI (ESC [) and OSC (ESC ]) go on; every other sequence is two characters long here.
      stream.state = c == '[' ? State::kControl : c == ']' ? State::kTitle : State::kText;
      return;
    case State::kControl:
      if (c >= 0x40 && c <= 0x7e) stream.state = State::kText;
      return;
    case State::kTitle:
      if (c == '\a') stream.state = State::kText;
      if (c == '\x1b') stream.state = State::kTitleEscape;
      return;
    case State::kTitleEscape:
      stream.state = State::kText;
      return;
  }
}

void ConsoleLineReader::AddText(Stream& stream, char c, const Sink& sink) {
  if (c == '\x1b') {
    stream.state = State::kEscape;
  } else if (c == '\n') {
    Emit(stream, sink);
  } else if (c == '\r') {
    stream.overwritten = true;
  } else {
    // Only something printed after the return overwrites: "\r\n" ends a line like "\n".
    if (stream.overwritten) stream.text.clear();
    stream.overwritten = false;
    if (stream.text.size() < kLongestLine) stream.text.push_back(c);
  }
}

void ConsoleLineReader::Emit(Stream& stream, const Sink& sink) {
  sink({stream.time_ns, ValidUtf8(stream.text)});
  stream.text.clear();
  stream.overwritten = false;
}

std::vector<ConsoleLine> SplitConsole(absl::Span<const v1::LogChunk> chunks) {
  std::vector<ConsoleLine> lines;
  ConsoleLineReader reader;
  const auto keep = [&lines](const ConsoleLine& line) { lines.push_back(line); };
  for (const v1::LogChunk& chunk : chunks) reader.Add(chunk, keep);
  reader.Finish(keep);
  return lines;
}

}  // namespace crossmill::packages
