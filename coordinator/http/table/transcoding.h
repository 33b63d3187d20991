// Requests as messages, messages as JSON.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/http/table/route_table.h"

namespace crossmill::coordinator::door {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// "a=1&b=x%20y" with its escapes taken out; '+' is a blank. INVALID_ARGUMENT: more than 200 of them, or no
// UTF-8.
absl::StatusOr<Parameters> ParseQuery(std::string_view query);

// Takes the value of a parameter out of the list; empty if it is not there.
std::string TakeParameter(Parameters& parameters, std::string_view name);
// Likewise a switch: "1", "true" and an empty value are true, "0" and "false" are false. INVALID_ARGUMENT.
absl::StatusOr<bool> TakeSwitch(Parameters& parameters, std::string_view name);

// Sets fields by their proto names. INVALID_ARGUMENT names a parameter that is no field, one whose value is
// none of its type, and one that is given twice and is no list.
absl::Status SetFields(const Parameters& parameters, const Route& route, google::protobuf::Message* message);

// The body of a request, as the protobuf JSON mapping has it; an empty one changes nothing. INVALID_ARGUMENT:
// what is wrong, and of a message that may hold secrets only where, without anything that the body holds.
absl::Status MergeJson(std::string_view body, google::protobuf::Message* message);

// The mapping with all primitive fields, on one line.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);

// A message of a type that the program was built with.
std::unique_ptr<google::protobuf::Message> NewMessage(const google::protobuf::Descriptor& type);

}  // namespace crossmill::coordinator::door
