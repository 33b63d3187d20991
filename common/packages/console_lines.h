// From pieces of a console to lines, piece by piece as they come.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::packages {

struct ConsoleLine {
  // Unix time in nanoseconds, when the line was complete.
  int64_t time_ns = 0;
  // Without line end and terminal control sequences; valid UTF-8.
  std::string text;
};

// The console of one step as lines. Streams are put together apart from each other (a line of stderr never
// breaks one of stdout); what a carriage return overwrote is left out; lines beyond 256 KiB are cut. Keeps
// one unfinished line per stream, whatever the length of the console.
class ConsoleLineReader {
 public:
  using Sink = std::function<void(const ConsoleLine&)>;

  void Add(const v1::LogChunk& chunk, const Sink& sink);
  // What was left without a line end.
  void Finish(const Sink& sink);

 private:
  enum class State { kText, kEscape, kControl, kTitle, kTitleEscape };

  struct Stream {
    State state = State::kText;
    bool overwritten = false;
    int64_t time_ns = 0;
    std::string text;
  };

  static void Add(Stream& stream, char c, const Sink& sink);
  static void AddText(Stream& stream, char c, const Sink& sink);
  static void Emit(Stream& stream, const Sink& sink);

  // Indexed by LogChunk::Stream; an unknown stream of a newer worker counts as the worker's own.
  std::array<Stream, 3> streams_;
};

std::vector<ConsoleLine> SplitConsole(absl::Span<const v1::LogChunk> chunks);

}  // namespace crossmill::packages
