// Any text as a RUN command: no crash, an end in time, and whatever is understood asks for something.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/predict/commands/install_commands.h"

namespace {

using namespace crossmill;  // NOLINT(google-build-using-namespace): one program

void Expect(bool holds) {
  if (!holds) abort();
}

void CheckInstall(const predict::Install& install) {
  Expect(!install.program.empty() && !install.source.empty());
  const bool project = install.tool == predict::Install::Tool::kUvSync ||
                       install.tool == predict::Install::Tool::kPoetry ||
                       install.tool == predict::Install::Tool::kPdm;
  Expect(project || !install.requirements.empty() || !install.files.empty());
  for (const predict::RootRequirement& root : install.requirements)
    Expect(root.requirement.has_value() || !root.location.empty() || root.editable);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  v1::Run run;
  run.add_argv("/bin/bash");
  run.add_argv("-c");
  run.add_argv(std::string(reinterpret_cast<const char*>(data), size));
  run.add_env("PATH=/usr/local/bin:/usr/bin:/bin");
  run.add_env("PACKAGES=a 'b' c==1");
  run.add_env("PIP_CONSTRAINT=c.txt");
  run.set_cwd("/app");
  const predict::InstallCommands commands = predict::ReadInstallCommands(run);
  for (const predict::Install& install : commands.installs) CheckInstall(install);
  for (const predict::NotUnderstood& one : commands.not_understood) Expect(!one.why.empty());
  return 0;
}
