// How Docker's buildx is told of a farm: the door's endpoint, the files of TLS, and the line that does it.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::cli {

// The port that a coordinator's documentation gives to clients of BuildKit.
inline constexpr int kBuildKitPort = 7778;
// In the coordinator's data folder, beside coordinator.sock.
inline constexpr std::string_view kBuildKitSocket = "buildkit.sock";

struct BuildKitEndpoint {
  // "unix:///var/lib/crossmill/buildkit.sock", "tcp://farm.example:7778".
  std::string url;
  // Clients show a certificate there.
  bool tls = false;
};

// `said`: what the user wrote, a URL, HOST[:PORT] or a path; empty: beside the coordinator at `coordinator`
// ("unix:/path" or "host:port"). INVALID_ARGUMENT: neither.
absl::StatusOr<BuildKitEndpoint> FindEndpoint(std::string_view said, std::string_view coordinator);

struct TlsFiles {
  // Absolute.
  std::string authority, certificate, key;
};

// What comes behind "docker buildx" or "buildx". INVALID_ARGUMENT: a name that buildx refuses, or a path that
// its options cannot hold.
absl::StatusOr<std::vector<std::string>> CreateArguments(const std::string& name,
                                                         const BuildKitEndpoint& endpoint,
                                                         const std::optional<TlsFiles>& files);

// For a shell: words with anything but plain characters are quoted.
std::string ShellLine(const std::vector<std::string>& words);

}  // namespace crossmill::cli
