#include "cli/recipe/docker_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "absl/strings/str_join.h"
#include "cli/show/text.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

constexpr char kContainers[] = "steps leave no containers behind";
constexpr char kAttestations[] =
    "no attestations are made; `--metadata-file` and `--json` say what was built from what";
constexpr char kCache[] = "the farm keeps its own cache, for all its clients";
constexpr char kSwap[] = "a step gets no swap beyond its `--memory`";
constexpr char kPlacement[] = "where and beside whom a step runs the farm decides; `--cpus` limits it";
constexpr char kOneLayer[] = "each step is a layer";
constexpr char kDaemon[] = "there is no daemon to tell it to";

constexpr std::array kIgnored = {
    DockerFlag{"--rm", "", kContainers},
    DockerFlag{"--force-rm", "", kContainers},
    DockerFlag{"--provenance", "VALUE", kAttestations},
    DockerFlag{"--sbom", "VALUE", kAttestations},
    DockerFlag{"--attest", "VALUE", kAttestations},
    DockerFlag{"--cache-from", "VALUE", kCache},
    DockerFlag{"--cache-to", "VALUE", kCache},
    DockerFlag{"--memory-swap", "SIZE", kSwap},
    DockerFlag{"-c,--cpu-shares", "N", kPlacement},
    DockerFlag{"--cpuset-cpus", "LIST", kPlacement},
    DockerFlag{"--cpuset-mems", "LIST", kPlacement},
    DockerFlag{"--cgroup-parent", "PATH", kPlacement},
    DockerFlag{"--squash", "", kOneLayer},
    DockerFlag{"--compress", "", "only what the farm lacks is sent"},
    DockerFlag{"--builder", "NAME", "`--coordinator` names the farm"},
    DockerFlag{"--isolation", "NAME", "every step runs in a sandbox of its own"},
    DockerFlag{"--security-opt", "VALUE", "every step runs in the same sandbox"},
    DockerFlag{"--allow", "VALUE", "the recipe asks, and what the farm refuses it names by line"},
    DockerFlag{"--disable-content-trust", "", "bases are pinned by digest"},
    DockerFlag{"-D,--debug", "", kDaemon},
};

// "-m,--memory" -> "--memory".
std::string LongName(const DockerFlag& flag) {
  const std::string_view names(flag.names);
  return std::string(names.substr(names.find("--")));
}

}  // namespace

absl::Span<const DockerFlag> IgnoredDockerFlags() { return kIgnored; }

void AddIgnoredDockerFlags(CLI::App* command, std::vector<std::string>* given) {
  for (const DockerFlag& flag : kIgnored) {
    const auto note = [given, name = LongName(flag)] {
      if (std::find(given->begin(), given->end(), name) == given->end()) given->push_back(name);
    };
    CLI::Option* option = nullptr;
    if (*flag.value == '\0') {
      option = command->add_flag_function(flag.names, [note](int64_t) { note(); });
    } else {
      option = command->add_option_function<std::vector<std::string>>(
          flag.names, [note](const std::vector<std::string>&) { note(); });
      option->type_name(flag.value)->allow_extra_args(false);
    }
    option->group("");
  }
}

std::string IgnoredFlagsNotice(absl::Span<const std::string> given) {
  if (given.empty()) return "";
  return fmt::format("ignored: {} (docs/cli.md, \"Flags of docker build\", says why)",
                     absl::StrJoin(given, ", "));
}

absl::StatusOr<DockerCall> ParseDockerCall(std::string_view text) {
  const std::vector<std::string> parts = Split(text, ',');
  DockerCall call;
  if (parts[0] == "check" || parts[0] == "lint") {
    call.check = true;
  } else if (parts[0] != "build" && !text.empty()) {
    return absl::InvalidArgumentError(fmt::format("--call {}: expected build or check", text));
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == "format=json" || parts[i] == "format=text") {
      call.format = parts[i].substr(parts[i].find('=') + 1);
    } else {
      return absl::InvalidArgumentError(fmt::format("--call {}: expected check,format=text or json", text));
    }
  }
  return call;
}

}  // namespace crossmill::cli
