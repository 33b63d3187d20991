// What a wheelhouse serves: every address and what is there, made once from the record on disk. Nothing that
// a request says becomes a path.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::cli {

class WheelShelf {
 public:
  struct Page {
    std::string html;
    std::string json;
  };
  struct File {
    std::string path;
    std::string sha256;
    int64_t size = 0;
  };

  // Reads the record of the wheelhouse and each wheel that it lists; one that is not there, or not what the
  // record says, is left out with a note. NOT_FOUND: there is no wheelhouse.
  //
  //   /simple/, /simple/NAME/                  the wheels of all targets; of several of one name the first
  //   /TARGET/simple/, /TARGET/simple/NAME/    those of one target
  //   /TARGET/FILE.whl
  static absl::StatusOr<WheelShelf> Read(const std::string& folder, std::vector<std::string>* notes);

  // By the path of an address, without what follows "?"; null: nothing is there.
  const Page* FindPage(std::string_view path) const;
  const File* FindFile(std::string_view path) const;
  // Of "/": names the targets.
  std::string Overview() const;
  size_t files() const { return files_.size(); }

 private:
  std::map<std::string, Page, std::less<>> pages_;
  std::map<std::string, File, std::less<>> files_;
  std::vector<std::string> targets_;
};

}  // namespace crossmill::cli
