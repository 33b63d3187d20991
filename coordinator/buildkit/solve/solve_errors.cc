#include "coordinator/buildkit/solve/solve_errors.h"

#include <fmt/format.h>

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kSourceUrl = "github.com/moby/buildkit/errdefs.Source+json";
constexpr std::string_view kVertexUrl = "github.com/moby/buildkit/errdefs.Vertex+json";
constexpr std::string_view kUrls = "github.com/moby/";
// Lines before and behind the place that go along.
constexpr uint32_t kNeighbours = 20;
constexpr size_t kMostSource = 16 << 10;
constexpr size_t kMostMessage = 8 << 10;

// Lines that are far from the place are empty, so that all have their numbers.
std::string Neighbourhood(std::string_view text, uint32_t first, uint32_t last) {
  std::string kept;
  uint32_t number = 1;
  while (!text.empty() && number <= last + kNeighbours) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (number + kNeighbours >= first && kept.size() + line.size() < kMostSource) kept += line;
    kept += '\n';
    ++number;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return kept;
}

absl::StatusCode CodeForClient(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return absl::StatusCode::kUnknown;
    default:
      return code;
  }
}

}  // namespace

absl::Status WithSource(absl::Status status, std::string_view file, std::string_view text,
                        uint32_t first_line, uint32_t last_line) {
  if (status.ok() || first_line == 0) return status;
  last_line = std::max(first_line, last_line);
  Json info = {{"filename", ValidUtf8(file)},
               {"data", absl::Base64Escape(Neighbourhood(text, first_line, last_line))},
               {"language", "Dockerfile"}};
  Json range = {{"start", {{"line", first_line}}}, {"end", {{"line", last_line}}}};
  Json source = {{"info", std::move(info)}, {"ranges", Json::array({std::move(range)})}};
  status.SetPayload(Av(kSourceUrl), absl::Cord(WriteJson(source)));
  return status;
}

std::optional<uint32_t> LineOfMessage(std::string_view message, std::string_view file) {
  if (file.empty() || !message.starts_with(file)) return std::nullopt;
  message.remove_prefix(file.size());
  if (!message.starts_with(":")) return std::nullopt;
  message.remove_prefix(1);
  const size_t end = message.find_first_not_of("0123456789");
  uint32_t line = 0;
  if (end == 0 || end == std::string_view::npos || message[end] != ':') return std::nullopt;
  if (!absl::SimpleAtoi(Av(message.substr(0, end)), &line) || line == 0) return std::nullopt;
  return line;
}

absl::Status WithPlaceOfMessage(absl::Status status, std::string_view file, std::string_view text) {
  const std::optional<uint32_t> line = LineOfMessage(Sv(status.message()), file);
  return line ? WithSource(std::move(status), file, text, *line, *line) : status;
}

absl::Status WithVertex(absl::Status status, const std::string& digest) {
  if (status.ok() || digest.empty()) return status;
  status.SetPayload(Av(kVertexUrl), absl::Cord(WriteJson(Json{{"digest", digest}})));
  return status;
}

grpc::Status ToClient(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status told;
  told.set_code(static_cast<int>(CodeForClient(status.code())));
  std::string message = ValidUtf8(Sv(status.message()));
  if (message.size() > kMostMessage) {
    message =
        std::string(CutBetweenCharacters(message, kMostMessage)) + " ... (the build's page has all of it)";
  }
  if (absl::IsCancelled(status) && !message.ends_with(kCancelledText))
    message += message.empty() ? kCancelledText : fmt::format(": {}", kCancelledText);
  told.set_message(message);
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    if (!Sv(url).starts_with(kUrls)) return;
    google::protobuf::Any& detail = *told.add_details();
    detail.set_type_url(std::string(url));
    detail.set_value(std::string(value));
  });
  return ToClient(told);
}

grpc::Status ToClient(const google::rpc::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message(), status.SerializeAsString()};
}

}  // namespace crossmill::coordinator::buildkit
