#include "cli/buildx/buildx_setup.h"

#include <algorithm>
#include <cctype>

#include "common/base/shell_word.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kUnixScheme = "unix://";
constexpr std::string_view kTcpScheme = "tcp://";

bool IsPlain(char byte) {
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 ||
         std::string_view("-_./:=,@%+").find(byte) != std::string_view::npos;
}

// "farm.example", "farm.example:7778", "[::1]:7778".
absl::StatusOr<BuildKitEndpoint> TcpEndpoint(std::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  // The colons of an address of IPv6 stand in brackets.
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const std::string_view name = has_port ? host.substr(0, colon) : host;
  const std::string_view port = has_port ? host.substr(colon + 1) : "";
  const bool digits =
      std::all_of(port.begin(), port.end(), [](char byte) { return byte >= '0' && byte <= '9'; });
  if (name.empty() || (has_port && (port.empty() || port.size() > 5 || !digits)) ||
      !std::all_of(host.begin(), host.end(),
                   [](char byte) { return IsPlain(byte) || byte == '[' || byte == ']'; }) ||
      host.find('/') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no address of a farm's door for BuildKit's clients: expected HOST[:PORT], "
                    "tcp://HOST:PORT or "
                    "unix:///PATH",
                    host));
  }
  return BuildKitEndpoint{has_port ? fmt::format("{}{}", kTcpScheme, host)
                                   : fmt::format("{}{}:{}", kTcpScheme, host, kBuildKitPort),
                          true};
}

absl::StatusOr<BuildKitEndpoint> SocketEndpoint(std::string_view path) {
  if (path.starts_with('/')) return BuildKitEndpoint{fmt::format("{}{}", kUnixScheme, path), false};
  return absl::InvalidArgumentError(fmt::format("'{}': the path of a socket begins with '/'", path));
}

}  // namespace

absl::StatusOr<BuildKitEndpoint> FindEndpoint(std::string_view said, std::string_view coordinator) {
  if (said.starts_with(kUnixScheme)) return SocketEndpoint(said.substr(kUnixScheme.size()));
  if (said.starts_with("unix:")) return SocketEndpoint(said.substr(5));
  if (said.starts_with('/')) return SocketEndpoint(said);
  if (said.starts_with(kTcpScheme)) return TcpEndpoint(said.substr(kTcpScheme.size()));
  if (!said.empty()) return TcpEndpoint(said);
  if (coordinator.starts_with("unix:")) {
    const std::string_view path =
        coordinator.substr(coordinator.starts_with(kUnixScheme) ? kUnixScheme.size() : 5);
    const size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return SocketEndpoint(path);
    return SocketEndpoint(fmt::format("{}/{}", path.substr(0, slash), kBuildKitSocket));
  }
  // The door is on the same machine, on a port of its own.
  const size_t colon = coordinator.rfind(':');
  return TcpEndpoint(coordinator.substr(0, colon));
}

absl::StatusOr<std::vector<std::string>> CreateArguments(const std::string& name,
                                                         const BuildKitEndpoint& endpoint,
                                                         const std::optional<TlsFiles>& files) {
  const bool good = !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
                    std::all_of(name.begin(), name.end(), [](char byte) {
                      return std::isalnum(static_cast<unsigned char>(byte)) != 0 || byte == '-' ||
                             byte == '_' || byte == '.';
                    });
  if (!good) {
    return absl::InvalidArgumentError(fmt::format(
        "--name '{}': expected letters, digits, '.', '-' and '_', beginning with a letter", name));
  }
  std::vector<std::string> arguments = {"create", "--name", name, "--driver", "remote"};
  if (files) {
    for (const std::string* path : {&files->authority, &files->certificate, &files->key}) {
      if (path->find_first_of(",\"=\n") == std::string::npos) continue;
      return absl::InvalidArgumentError(fmt::format(
          "{}: buildx's options cannot hold such a path: set XDG_CONFIG_HOME to another folder", *path));
    }
    arguments.push_back("--driver-opt");
    arguments.push_back(
        fmt::format("cacert={},cert={},key={}", files->authority, files->certificate, files->key));
  }
  arguments.push_back("--use");
  arguments.push_back(endpoint.url);
  return arguments;
}

std::string ShellLine(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    if (!word.empty() && std::all_of(word.begin(), word.end(), IsPlain)) {
      line += word;
    } else {
      line += ShellQuoted(word);
    }
  }
  return line;
}

}  // namespace crossmill::cli
