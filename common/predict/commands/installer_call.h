// One call of an installer, and how each of them reads its words. Used by install_commands.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/predict/commands/install_commands.h"
#include "common/predict/commands/option_reader.h"
#include "common/predict/commands/shell_script.h"

namespace crossmill::predict {

struct InstallerCall {
  // "pip", "python3.11": what was called, and the words behind it (behind `-m pip`, too).
  std::string program;
  absl::Span<const ShellWord> words;
  // What the program sees; nullopt: a value that is not known.
  std::map<std::string, std::optional<std::string>, std::less<>> environment;
  std::optional<std::string> folder;
  std::optional<std::string> input;
  // /dev/pipes/NAME -> text.
  const std::map<std::string, std::string>* pipes = nullptr;

  // Empty if it is not set; INVALID_ARGUMENT if its value is not known.
  absl::StatusOr<std::string> Setting(std::string_view name) const;
  // Whether it is set to something that means yes.
  absl::StatusOr<bool> Flag(std::string_view name) const;
  absl::StatusOr<std::vector<std::string>> Words(std::string_view name) const;
};

// Each fills `install` from a call, whose program it is; false: the call installs nothing (pip list).
// INVALID_ARGUMENT says what is not understood.
absl::StatusOr<bool> ReadPipCall(const InstallerCall& call, Install& install);
absl::StatusOr<bool> ReadUvCall(const InstallerCall& call, Install& install,
                                std::vector<CreatedEnvironment>& environments);
absl::StatusOr<bool> ReadPoetryCall(const InstallerCall& call, Install& install);
absl::StatusOr<bool> ReadPdmCall(const InstallerCall& call, Install& install);

// The place of the subcommand among words: the first that is neither an option of the table nor the value of
// one; the number of words if there is none.
size_t SubcommandPlace(absl::Span<const ShellWord> words, absl::Span<const OptionSyntax> table);

// Adds what an argument asks for; `editable`: behind -e.
absl::Status AddRequirement(std::string_view argument, bool editable, Install& install);
void AddFile(InstallFile::Kind kind, const std::string& path, const InstallerCall& call, Install& install);

}  // namespace crossmill::predict
