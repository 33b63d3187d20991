// What is recorded of an execution, for telling why its bytes are others. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// A setting that is as the step has it, as workers tell it.
inline constexpr std::string_view kUsual = "usual";

// Empty and 0: not known.
struct ExecutionFacts {
  std::string worker;
  // The host's name as its programs saw it, and that of the machine.
  std::string host_name;
  std::string machine_name;
  std::string kernel;
  std::string cpu_model;
  std::string processors;
  // What it was given of the settings in which executions differ only by a wish ("TZ=<+14>-14",
  // "LANG=C.UTF-8", "CROSSMILL_VARIATION=1", "PATH=...:FOLDER", "after ID"): always the farm's own choice.
  // kUsual: what the step has, whatever that is.
  std::string time_zone = {};
  std::string locale = {};
  std::string variable = {};
  std::string search_path = {};
  std::string process_ids = {};
  // When it ran as its programs read the clock; Unix time in nanoseconds.
  int64_t begin = 0;
  int64_t end = 0;
  // The same as the kernel, and programs that no shift reaches, have it. The same as above unless it was
  // shifted.
  int64_t real_begin = 0;
  int64_t real_end = 0;
};

// Two executions of one step that are compared.
struct ComparedExecutions {
  ExecutionFacts first;
  ExecutionFacts second;
  // What they were given that was not the same.
  std::vector<v1::InputChange> input_changes = {};
  // The rules of --normalize that were applied to both; nullopt: that is not known, or there are none for
  // such a step.
  std::optional<std::vector<std::string>> normalized = {};
};

ExecutionFacts FactsOf(const v1::Witness& witness);

}  // namespace crossmill::compare
