// Errors as BuildKit's clients read them: a status with details, each JSON under a name, of which the
// source's place prints the excerpt of the Dockerfile. Inside of the coordinator they are payloads of a
// status. Pure.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "crossmill/v1/plan.pb.h"
#include "google/rpc/status.pb.h"

namespace crossmill::coordinator::buildkit {

// Adds the place in the Dockerfile. Of its text only the neighbourhood of the place goes along, the other
// lines are empty: details travel in a trailer.
absl::Status WithSource(absl::Status status, std::string_view file, std::string_view text,
                        uint32_t first_line, uint32_t last_line);
// The same with the place that the message begins with ("Dockerfile:3:1: ..."), if it does.
absl::Status WithPlaceOfMessage(absl::Status status, std::string_view file, std::string_view text);
// Marks the vertex that failed.
absl::Status WithVertex(absl::Status status, const std::string& digest);

// "Dockerfile:3:1: what" -> 3; nothing: there is no such place before it.
std::optional<uint32_t> LineOfMessage(std::string_view message, std::string_view file);

// For the end of a call. Errors of what was asked have no code of their own, as in BuildKit: clients would
// write the code before the message. CANCELLED ends in the words by which clients know it.
grpc::Status ToClient(const absl::Status& status);
// What a client returned, unchanged: it comes back to it as the end of its build.
grpc::Status ToClient(const google::rpc::Status& status);

// The words of the vertex that was ended with its build.
inline constexpr char kCancelledText[] = "context canceled";

}  // namespace crossmill::coordinator::buildkit
