// From console chunks to lines: what a step wrote, without escape sequences, with carriage returns
// applied, each chunk once even when a watch is resumed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crossmill/v1/result.pb.h"

namespace crossmill::cli {

// Takes bytes of one stream in pieces of any size; gives whole lines. Escape sequences are dropped
// also when they are cut by a piece's end; "a\rb" is "b" (a progress bar is its last state). Lines
// are valid printable UTF-8. Not thread safe.
class LineAssembler {
 public:
  // Lines that this piece finished.
  std::vector<std::string> Feed(std::string_view bytes);
  // The unfinished line, if any, as a line.
  std::vector<std::string> Finish();

 private:
  enum class State { kText, kEscape, kControl, kString, kStringEscape };
  void TakeText(char c, std::vector<std::string>* lines);

  State state_ = State::kText;
  std::string line_;
  // A carriage return was seen: the next character begins the line anew.
  bool returned_ = false;
};

struct ConsoleLine {
  int64_t execution = 0;
  uint32_t stage = 0;
  uint32_t replica = 0;
  uint32_t step = 0;
  // Unix time in nanoseconds of the chunk that ended the line.
  int64_t time = 0;
  std::string text;
};

// Lines of all executions of a build. Not thread safe.
class ConsoleLines {
 public:
  // `offset`: number of chunks of this execution before this one; a chunk seen before gives nothing.
  std::vector<ConsoleLine> Feed(int64_t execution, uint32_t stage, uint32_t replica, int64_t offset,
                                const v1::LogChunk& chunk);
  // Unfinished lines of a step that has ended.
  std::vector<ConsoleLine> FinishStep(uint32_t stage, uint32_t replica, uint32_t step, int64_t time);

 private:
  struct Console {
    uint32_t stage = 0;
    uint32_t replica = 0;
    uint32_t step = 0;
    int64_t next_offset = 0;
    // The last chunk taken has this time.
    int64_t last_time = 0;
    LineAssembler streams[3];
  };
  std::map<int64_t, Console> consoles_;
};

}  // namespace crossmill::cli
