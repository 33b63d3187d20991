#include "tests/support/host_root.h"

#include <sys/stat.h>

#include <filesystem>
#include <sstream>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"

namespace crossmill {
namespace {

absl::Status CopyProgram(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(MakeFolders(std::filesystem::path(to).parent_path()));
  if (Exists(to)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(from));
  return WriteFileAtomic(to, bytes, 0755);
}

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  for (const char* folder : {"/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"}) {
    if (Exists(folder + name)) return folder + name;
  }
  return absl::NotFoundError(fmt::format("this machine has no {}", name));
}

}  // namespace

absl::Status MakeHostRoot(const std::string& root, const std::vector<std::string>& programs) {
  for (const char* folder : {"/bin", "/etc", "/tmp", "/home/app"})
    RETURN_IF_ERROR(MakeFolders(root + folder));
  chmod((root + "/tmp").c_str(), 01777);
  RETURN_IF_ERROR(WriteFileAtomic(root + "/etc/passwd",
                                  "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"));
  RETURN_IF_ERROR(WriteFileAtomic(root + "/etc/group", "root:x:0:\napp:x:1000:\n"));
  for (const std::string& name : programs) {
    ASSIGN_OR_RETURN(const std::string program, FindProgram(name));
    RETURN_IF_ERROR(CopyProgram(program, root + "/bin/" + name));
    ProcessOptions options;
    options.argv = {"ldd", program};
    ASSIGN_OR_RETURN(const ProcessResult libraries, RunProcess(options));
    std::istringstream words(libraries.stdout_text);
    for (std::string word; words >> word;) {
      if (word.starts_with("/")) RETURN_IF_ERROR(CopyProgram(word, root + word));
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill
