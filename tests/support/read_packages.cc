// What a worker would report about the packages of a step, for recordings (record_steps.py):
//   read_packages ROOT CHANGED_PATHS_FILE
// prints a StepResult with its package facts as JSON.
#include <google/protobuf/util/json_util.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "worker/task/dist_info.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::vector<std::string> changed;
  std::ifstream list(argv[2]);
  for (std::string line; std::getline(list, line);) changed.push_back(line);
  crossmill::v1::StepResult result;
  crossmill::worker::PackageFacts facts = crossmill::worker::ReadPackages(argv[1], changed, {});
  for (auto& info : facts.infos) *result.add_dist_infos() = std::move(info);
  for (auto& wheel : facts.wheels) *result.add_wheels() = std::move(wheel);
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(result, &text, options).ok()) return 1;
  std::cout << text;
  return 0;
}
