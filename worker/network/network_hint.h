// Recognises in a step's console that a program went around the recording proxy. Pure.
#pragma once

#include <string>
#include <string_view>

namespace crossmill::worker {

// Not thread safe.
class NetworkHint {
 public:
  // A piece of the console, as it came; pieces may cut lines.
  void Add(std::string_view bytes);
  // What to tell of a step that failed; empty: nothing.
  std::string Text();

 private:
  void Line(std::string_view line);

  std::string line_;
  std::string found_;
};

}  // namespace crossmill::worker
