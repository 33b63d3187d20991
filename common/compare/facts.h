// What is recorded of an execution, for telling why its bytes are others. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// Empty and 0: not known.
struct ExecutionFacts {
  std::string worker;
  // The host's name as its programs saw it, and that of the machine.
  std::string host_name;
  std::string machine_name;
  std::string kernel;
  std::string cpu_model;
  std::string processors;
  // When it ran as its programs read the clock; Unix time in nanoseconds.
  int64_t begin = 0;
  int64_t end = 0;
};

// Two executions of one step that are compared.
struct ComparedExecutions {
  ExecutionFacts first;
  ExecutionFacts second;
  // What they were given that was not the same.
  std::vector<v1::InputChange> input_changes = {};
};

ExecutionFacts FactsOf(const v1::Witness& witness);

}  // namespace crossmill::compare
