#include "coordinator/limits.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::coordinator {
namespace {

template <auto Member>
int64_t GetRecipe(const Limits& limits) {
  return static_cast<int64_t>(limits.planning.recipe.*Member);
}

template <auto Member>
void SetRecipe(Limits& limits, int64_t value) {
  auto& member = limits.planning.recipe.*Member;
  member = static_cast<std::remove_reference_t<decltype(member)>>(value);
}

template <auto Member>
constexpr LimitName Recipe(std::string_view name, std::string_view meaning) {
  return {name, meaning, GetRecipe<Member>, SetRecipe<Member>};
}

template <auto Door, auto Member>
constexpr LimitName Connections(std::string_view name, std::string_view meaning) {
  return {name, meaning,
          [](const Limits& limits) { return static_cast<int64_t>(limits.doors.*Door.*Member); },
          [](Limits& limits, int64_t value) { limits.doors.*Door.*Member = static_cast<size_t>(value); }};
}

// Of a number that is an int.
template <auto Member>
constexpr LimitName DoorNumber(std::string_view name, std::string_view meaning) {
  return {name, meaning, [](const Limits& limits) { return static_cast<int64_t>(limits.doors.*Member); },
          [](Limits& limits, int64_t value) {
            limits.doors.*Member = static_cast<int>(std::min<int64_t>(value, 1'000'000));
          }};
}

template <auto Member>
constexpr LimitName Uploads(std::string_view name, std::string_view meaning) {
  return {name, meaning, [](const Limits& limits) { return limits.uploads.*Member; },
          [](Limits& limits, int64_t value) { limits.uploads.*Member = value; }};
}

// Numbers of threads and descriptors are ints further down.
template <auto Member>
constexpr LimitName BuildKit(std::string_view name, std::string_view meaning) {
  return {name, meaning, [](const Limits& limits) { return limits.buildkit.*Member; },
          [](Limits& limits, int64_t value) { limits.buildkit.*Member = value; }};
}
template <auto Member>
constexpr LimitName BuildKitNumber(std::string_view name, std::string_view meaning) {
  return {
      name, meaning, [](const Limits& limits) { return limits.buildkit.*Member; },
      [](Limits& limits, int64_t value) { limits.buildkit.*Member = std::min<int64_t>(value, 1'000'000); }};
}

using buildkit::FrontLimits;
using plan::RecipeLimits;
using Tcp = ConnectionLimits;
constexpr auto kTcp = &DoorSettings::tcp;
constexpr auto kHttp = &DoorSettings::http;

constexpr LimitName kLimits[] = {
    Recipe<&RecipeLimits::dockerfile_bytes>("dockerfile-bytes", "bytes of a Dockerfile"),
    Recipe<&RecipeLimits::instructions>("instructions", "instructions of a Dockerfile"),
    Recipe<&RecipeLimits::stages>("stages", "stages of a Dockerfile"),
    Recipe<&RecipeLimits::platforms>("platforms", "platforms of a build"),
    Recipe<&RecipeLimits::build_arguments>("build-arguments", "build arguments of a build"),
    {"combinations", "combinations of a matrix", [](const Limits& limits) { return limits.matrix; },
     [](Limits& limits, int64_t value) { limits.matrix = value; }},
    Recipe<&RecipeLimits::contexts>("contexts", "named contexts of a build"),
    Recipe<&RecipeLimits::steps>("steps", "steps of all stages on all platforms of a build"),
    Recipe<&RecipeLimits::layers>("layers", "layers of a stage, with those of its base (Linux mounts 499)"),
    Recipe<&RecipeLimits::context_entries>("context-entries",
                                           "files and folders below a folder that a step copies"),
    {"planning-work", "work that planning a build may take, in about nanoseconds of one processor",
     [](const Limits& limits) { return limits.planning.effort; },
     [](Limits& limits, int64_t value) { limits.planning.effort = value; }},
    {"download-bytes", "bytes of a file that ADD fetches",
     [](const Limits& limits) { return limits.download_bytes; },
     [](Limits& limits, int64_t value) { limits.download_bytes = value; }},
    {"download-floor", "bytes a second that a server has to send ADD, over a minute",
     [](const Limits& limits) { return limits.download_floor; },
     [](Limits& limits, int64_t value) { limits.download_floor = value; }},
    Connections<kTcp, &Tcp::most>("connections", "connections to --listen"),
    Connections<kTcp, &Tcp::most_of_peer>("peer-connections", "connections to --listen of one address"),
    Connections<kTcp, &Tcp::most_unknown>("unknown-connections",
                                          "connections to --listen that have shown no token"),
    Connections<kTcp, &Tcp::most_unknown_of_peer>(
        "unknown-peer-connections", "connections to --listen of one address that have shown no token"),
    Connections<kHttp, &Tcp::most>("http-connections", "connections to --http"),
    Connections<kHttp, &Tcp::most_of_peer>("http-peer-connections", "connections to --http of one address"),
    Connections<kHttp, &Tcp::most_unknown>("http-unknown-connections",
                                           "connections to --http that have shown no token"),
    Connections<kHttp, &Tcp::most_unknown_of_peer>(
        "http-unknown-peer-connections", "connections to --http of one address that have shown no token"),
    {"unknown-seconds", "seconds after which a connection that has shown no token is closed",
     [](const Limits& limits) {
       return int64_t{std::chrono::duration_cast<std::chrono::seconds>(limits.doors.unknown_time).count()};
     },
     [](Limits& limits, int64_t value) {
       limits.doors.unknown_time = std::chrono::seconds(std::min<int64_t>(value, 3'600));
     }},
    DoorNumber<&DoorSettings::streams>("connection-calls", "calls on one connection at the same time"),
    DoorNumber<&DoorSettings::threads>("call-threads", "threads for calls that need one"),
    Uploads<&UploadLimits::streams>("upload-streams", "uploads of one client at the same time"),
    Uploads<&UploadLimits::kept>("upload-kept", "interrupted uploads of one client that are kept"),
    Uploads<&UploadLimits::kept_bytes>("upload-kept-bytes", "bytes of a client's interrupted uploads"),
    Uploads<&UploadLimits::idle_seconds>("upload-idle", "seconds for which an upload may send nothing"),
    Uploads<&UploadLimits::kept_seconds>("upload-kept-seconds",
                                         "seconds for which an interrupted upload is kept"),
    BuildKitNumber<&FrontLimits::connections>("buildkit-connections", "connections to --buildkit"),
    BuildKitNumber<&FrontLimits::connections_of_peer>("buildkit-peer-connections",
                                                      "connections to --buildkit of one address"),
    BuildKitNumber<&FrontLimits::unknown_connections>(
        "buildkit-unknown-connections", "connections to --buildkit that have shown no certificate"),
    BuildKitNumber<&FrontLimits::unknown_connections_of_peer>(
        "buildkit-unknown-peer-connections",
        "connections to --buildkit of one address that have shown no certificate"),
    BuildKitNumber<&FrontLimits::local_connections>("buildkit-local-connections",
                                                    "connections to buildkit.sock"),
    BuildKitNumber<&FrontLimits::calls>("buildkit-connection-calls",
                                        "calls of a BuildKit client on one connection at the same time"),
    BuildKitNumber<&FrontLimits::threads>("buildkit-call-threads",
                                          "threads for calls of BuildKit clients; a build has five calls"),
    BuildKit<&FrontLimits::message_bytes>("buildkit-message-bytes",
                                          "bytes of messages of BuildKit clients that are being read"),
    BuildKitNumber<&FrontLimits::sessions>("buildkit-sessions", "sessions of BuildKit clients"),
    BuildKitNumber<&FrontLimits::sessions_of_client>("buildkit-client-sessions",
                                                     "sessions of one BuildKit client"),
    BuildKitNumber<&FrontLimits::builds>("buildkit-builds", "builds of BuildKit clients at the same time"),
    BuildKitNumber<&FrontLimits::builds_of_client>("buildkit-client-builds",
                                                   "builds of one BuildKit client at the same time"),
    BuildKit<&FrontLimits::folder_entries>("buildkit-folder-entries",
                                           "files and folders of one folder that a BuildKit client sends"),
    BuildKit<&FrontLimits::folder_bytes>("buildkit-folder-bytes",
                                         "bytes of one folder that a BuildKit client sends"),
};

}  // namespace

absl::Span<const LimitName> LimitNames() { return kLimits; }

absl::Status SetLimit(std::string_view setting, Limits* limits) {
  const size_t equals = setting.find('=');
  const std::string_view name = setting.substr(0, equals);
  std::vector<std::string> names;
  for (const LimitName& limit : kLimits) {
    names.emplace_back(limit.name);
    if (limit.name != name || equals == std::string_view::npos) continue;
    int64_t value = 0;
    if (!absl::SimpleAtoi(Av(setting.substr(equals + 1)), &value) || value < 1) {
      return absl::InvalidArgumentError(
          fmt::format("--limit {}: '{}' is no whole number from 1 on", name, setting.substr(equals + 1)));
    }
    limit.set(*limits, value);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("--limit {}: expected NAME=NUMBER{}; the names are {}",
                                                setting, dockerfile::DidYouMean(name, names),
                                                absl::StrJoin(names, ", ")));
}

}  // namespace crossmill::coordinator
