#include "cli/wheelhouse/lock_file.h"

#include "cli/show/text.h"
#include "common/base/status.h"

namespace crossmill::cli {

std::string LockFile(const TargetRecord& record) {
  std::string text = fmt::format(
      "# Made by crossmill wheels for {}, {}. Beside it:\n"
      "#   pip install --no-index --find-links . --require-hashes -r requirements.lock\n",
      record.target.Label(), StatusWord(record.status));
  for (const std::string& missing : record.missing)
    text += fmt::format("# Missing: {}\n", Printable(missing));
  for (const PackageRecord& package : record.packages) {
    if (!package.done()) {
      text += fmt::format("# {}: {}\n{}=={}\n", OutcomeWord(package.outcome), Printable(package.message),
                          package.name, package.version);
      continue;
    }
    text += fmt::format("{}=={}", package.name, package.version);
    for (const WheelFile& file : package.files) text += fmt::format(" \\\n    --hash=sha256:{}", file.sha256);
    text += "\n";
  }
  return text;
}

}  // namespace crossmill::cli
