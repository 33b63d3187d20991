// A git repository in a temporary folder, for tests.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"

namespace crossmill::fetch {

class Repository {
 public:
  Repository() : folder_(*TemporaryFolder::Create()) {
    Git({"init", "--quiet", "-b", "main", "."});
    Git({"config", "uploadpack.allowAnySHA1InWant", "true"});
  }

  const std::string& path() const { return folder_.path(); }
  std::string url() const { return "file://" + folder_.path(); }

  void Write(const std::string& name, std::string_view content, mode_t mode = 0644) {
    const std::string path = folder_.Path(name);
    EXPECT_TRUE(MakeFolders(path.substr(0, path.rfind('/'))).ok());
    EXPECT_TRUE(WriteFileAtomic(path, content).ok());
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
  }

  // Commits everything; the commit's id.
  std::string Commit(const std::string& message) {
    Git({"add", "-A"});
    Git({"commit", "--quiet", "--allow-empty", "-m", message});
    return Id("HEAD");
  }

  std::string Id(const std::string& name) {
    std::string id = Git({"rev-parse", name});
    while (id.ends_with('\n')) id.pop_back();
    return id;
  }

  std::string Git(const std::vector<std::string>& arguments) {
    ProcessOptions options;
    options.argv = {"git", "-c", "protocol.file.allow=always"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.working_folder = folder_.path();
    options.env = std::vector<std::string>{"PATH=/usr/bin:/bin",
                                           "HOME=/nonexistent",
                                           "GIT_AUTHOR_NAME=A",
                                           "GIT_AUTHOR_EMAIL=a@example.com",
                                           "GIT_COMMITTER_NAME=A",
                                           "GIT_COMMITTER_EMAIL=a@example.com",
                                           "GIT_AUTHOR_DATE=1700000000 +0000",
                                           "GIT_COMMITTER_DATE=1700000000 +0000"};
    const auto result = RunProcess(options);
    EXPECT_TRUE(result.ok() && result->exit_code == 0) << (result.ok() ? result->stderr_text : "no git");
    return result.ok() ? result->stdout_text : "";
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace crossmill::fetch
