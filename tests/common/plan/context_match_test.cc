#include "common/plan/context_match.h"

#include <gtest/gtest.h>

#include <map>
#include <variant>

#include "common/base/status.h"

namespace crossmill::plan {
namespace {

// A context in memory: paths with content, "-> target" or "/" (folder).
class FakeContext {
 public:
  // `modes`: of folders, by path; 0750 for the rest.
  explicit FakeContext(const std::map<std::string, std::string>& entries,
                       std::map<std::string, uint32_t> modes = {})
      : modes_(std::move(modes)) {
    Folder top;
    for (const auto& [path, content] : entries) Insert(top, path, content);
    root_ = Store(top, "");
  }

  absl::StatusOr<v1::ContextMatches> Match(std::string_view text, bool parents = false,
                                           std::vector<std::string> excludes = {},
                                           pattern::Effort* effort = nullptr) {
    v1::ContextPattern pattern;
    pattern.set_pattern(std::string(text));
    pattern.set_parents(parents);
    for (std::string& exclude : excludes) pattern.add_excludes(std::move(exclude));
    return MatchContext(
        pattern, root_,
        [this](const Digest& digest) -> absl::StatusOr<reapi::Directory> {
          const auto found = directories_.find(digest);
          if (found == directories_.end()) return absl::NotFoundError("no such directory: " + digest.hash);
          return found->second;
        },
        [this](const reapi::Directory& directory) -> absl::StatusOr<Digest> { return Put(directory); },
        effort);
  }

  // "path=name" per match, or the error.
  std::string Names(std::string_view text, bool parents = false, std::vector<std::string> excludes = {}) {
    const auto matches = Match(text, parents, std::move(excludes));
    if (!matches.ok()) return matches.status().ToString();
    std::string names;
    for (const v1::ContextMatch& match : matches->matches()) {
      names += fmt::format("{}{}={}", names.empty() ? "" : " ", match.path(), match.name());
      if (match.has_directory()) names += "/";
      if (!match.symlink_target().empty()) names += "@";
    }
    return names;
  }

  // All files below a directory match, sorted.
  std::string Tree(const Digest& digest, const std::string& prefix = "") {
    const reapi::Directory& directory = directories_.at(digest);
    std::string names;
    for (const auto& file : directory.files()) names += prefix + file.name() + " ";
    for (const auto& link : directory.symlinks()) names += prefix + link.name() + "@ ";
    for (const auto& child : directory.directories()) {
      names += prefix + child.name() + "/ " + Tree(FromProto(child.digest()), prefix + child.name() + "/");
    }
    return names;
  }

 private:
  struct Folder {
    std::map<std::string, std::string> entries;
    std::map<std::string, Folder> folders;
  };
  void Insert(Folder& folder, const std::string& path, const std::string& content) {
    const size_t slash = path.find('/');
    if (slash != std::string::npos) {
      Insert(folder.folders[path.substr(0, slash)], path.substr(slash + 1), content);
    } else if (content == "/") {
      folder.folders[path];
    } else {
      folder.entries[path] = content;
    }
  }
  Digest Store(const Folder& folder, const std::string& path) {
    reapi::Directory directory;
    directory.mutable_node_properties()->mutable_unix_mode()->set_value(modes_.contains(path) ? modes_[path]
                                                                                              : 0750);
    for (const auto& [name, content] : folder.entries) {
      if (content.starts_with("-> ")) {
        auto& link = *directory.add_symlinks();
        link.set_name(name);
        link.set_target(content.substr(3));
      } else {
        auto& file = *directory.add_files();
        file.set_name(name);
        ToProto(DigestOf(content), file.mutable_digest());
        file.mutable_node_properties()->mutable_unix_mode()->set_value(0640);
      }
    }
    for (const auto& [name, child] : folder.folders) {
      auto& node = *directory.add_directories();
      node.set_name(name);
      ToProto(Store(child, path + "/" + name), node.mutable_digest());
    }
    return Put(directory);
  }
  Digest Put(const reapi::Directory& directory) {
    const Digest digest = DigestOf(directory.SerializeAsString());
    directories_[digest] = directory;
    return digest;
  }

  std::map<std::string, uint32_t> modes_;
  Digest root_;
  std::map<Digest, reapi::Directory> directories_;
};

FakeContext Sample() {
  return FakeContext({{"app.py", "app"},
                      {"a.txt", "a"},
                      {"b.txt", "b"},
                      {"*x", "star"},
                      {"src/main.c", "main"},
                      {"src/lib/l.c", "l"},
                      {"src/lib/l.h", "lh"},
                      {"src/lib/deep/x.c", "x"},
                      {"docs/readme.md", "r"},
                      {"empty", "/"},
                      {"link", "-> app.py"},
                      {"linkdir", "-> src/lib"},
                      {"abslink", "-> /src/../../src/main.c"},
                      {"dangling", "-> nowhere"},
                      {"loop1", "-> loop2"},
                      {"loop2", "-> loop1"},
                      {"src/up", "-> ../../../docs"}});
}

TEST(ContextMatchTest, FilesAndFoldersKeepTheirBaseName) {
  FakeContext context = Sample();
  EXPECT_EQ(context.Names("/app.py"), "app.py=app.py");
  EXPECT_EQ(context.Names("src/lib"), "src/lib=lib/");
  EXPECT_EQ(context.Names("/src/lib/"), "src/lib=lib/");
  EXPECT_EQ(context.Names("/../../src/./main.c"), "src/main.c=main.c");
  EXPECT_EQ(context.Names("/empty"), "empty=empty/");
  EXPECT_EQ(context.Names("/"), "=/");
  EXPECT_EQ(context.Names("."), "=/");
  const auto file = context.Match("/app.py");
  EXPECT_EQ(file->matches(0).unix_mode(), 0640u);
  EXPECT_EQ(FromProto(file->matches(0).file()), DigestOf("app"));
  EXPECT_EQ(context.Match("/src")->matches(0).unix_mode(), 0750u);
}

TEST(ContextMatchTest, WildcardsStayInTheirSegment) {
  FakeContext context = Sample();
  EXPECT_EQ(context.Names("/*.txt"), "a.txt=a.txt b.txt=b.txt");
  EXPECT_EQ(context.Names("/src/*/l.?"), "src/lib/l.c=l.c src/lib/l.h=l.h");
  EXPECT_EQ(context.Names("/[^b].txt"), "a.txt=a.txt");
  EXPECT_EQ(context.Names("/\\*x"), "*x=*x");
  EXPECT_EQ(context.Names("/s*"), "src=src/");
  EXPECT_EQ(context.Names("/**/l.c"), "");  // here ** is *
  EXPECT_EQ(context.Names("/*.nothing"), "");
}

TEST(ContextMatchTest, LinksAreFollowedInsideTheContext) {
  FakeContext context = Sample();
  EXPECT_EQ(context.Names("/link"), "link=link");
  EXPECT_EQ(FromProto(context.Match("/link")->matches(0).file()), DigestOf("app"));
  EXPECT_EQ(context.Names("/linkdir"), "linkdir=linkdir/");
  EXPECT_EQ(context.Names("/linkdir/l.c"), "linkdir/l.c=l.c");
  EXPECT_EQ(context.Names("/linkdir/*.h"), "linkdir/l.h=l.h");
  EXPECT_EQ(FromProto(context.Match("/abslink")->matches(0).file()), DigestOf("main"));
  EXPECT_EQ(context.Names("/src/up/readme.md"), "src/up/readme.md=readme.md");
  EXPECT_EQ(context.Names("/loop1"), "INVALID_ARGUMENT: 'loop1' is a loop of links in the context");
  EXPECT_EQ(context.Names("/link*/l.c"), "");
}

TEST(ContextMatchTest, MissingSourceIsNamed) {
  FakeContext context = Sample();
  EXPECT_EQ(context.Names("/nosuch/*.py"), "NOT_FOUND: 'nosuch' is not in the context");
  EXPECT_EQ(context.Names("/nope.py"), "NOT_FOUND: 'nope.py' is not in the context");
  EXPECT_EQ(context.Names("/src/nope/x"), "NOT_FOUND: 'src/nope/x' is not in the context (only 'src' is)");
  EXPECT_EQ(context.Names("/app.py/x"), "NOT_FOUND: 'app.py/x' is not in the context (only 'app.py' is)");
  EXPECT_EQ(context.Names("/dangling"), "NOT_FOUND: 'dangling' is not in the context");
  EXPECT_EQ(context.Names("/dang*"),
            "NOT_FOUND: 'dangling' is a link to something that is not in the context");
}

TEST(ContextMatchTest, ParentsKeepThePathFromThePivotOn) {
  FakeContext context = Sample();
  EXPECT_EQ(context.Names("/src/lib/l.c", true), "src/lib/l.c=src/lib/l.c");
  EXPECT_EQ(context.Names("/src/./lib/l.c", true), "src/lib/l.c=lib/l.c");
  EXPECT_EQ(context.Names("/src/./lib", true), "src/lib=lib/");
  EXPECT_EQ(context.Names("/**/*.c", true),
            "src/lib/deep/x.c=src/lib/deep/x.c src/lib/l.c=src/lib/l.c "
            "src/main.c=src/main.c");
  EXPECT_EQ(context.Names("/src/./**/*.c", true),
            "src/lib/deep/x.c=lib/deep/x.c src/lib/l.c=lib/l.c src/main.c=main.c");
  EXPECT_EQ(context.Names("/s*/lib", true), "src/lib=src/lib/");
  EXPECT_EQ(context.Names("/linkdir/./l.c", true), "linkdir/l.c=l.c");
  EXPECT_EQ(context.Names("/link", true), "link=link@");
  EXPECT_EQ(context.Names("/s*/./lib/l.h", true), "src/lib/l.h=lib/l.h");
  EXPECT_EQ(context.Names("/src/./nope", true),
            "NOT_FOUND: 'src/nope' is not in the context (only 'src' is)");
  EXPECT_EQ(context.Names("/nope/./x", true), "NOT_FOUND: 'nope' is not in the context");
  // The destination is made: an empty folder without a name.
  EXPECT_EQ(context.Names("/**/*.none", true), "=/");
  EXPECT_EQ(context.Names("/src/./*.none", true), "src=/");
  EXPECT_EQ(context.Tree(FromProto(context.Match("/src/./*.none", true)->matches(0).directory())), "");
  EXPECT_EQ(context.Names("/src/./lib", true, {"lib", "!lib/none"}), "src/lib=/");
}

TEST(ContextMatchTest, ParentsBringTheModesOfTheFoldersInBetween) {
  FakeContext context({{"a/b/file", "x"}}, {{"/a", 0700}, {"/a/b", 0711}});
  const auto modes = [&](std::string_view pattern, bool parents) {
    const auto matches = context.Match(pattern, parents);
    EXPECT_TRUE(matches.ok()) << matches.status();
    if (!matches.ok()) return std::vector<uint32_t>();
    return std::vector<uint32_t>(matches->matches(0).parent_modes().begin(),
                                 matches->matches(0).parent_modes().end());
  };
  EXPECT_EQ(modes("/a/b/file", true), (std::vector<uint32_t>{0700, 0711}));
  EXPECT_EQ(modes("/a/./b/file", true), (std::vector<uint32_t>{0711}));
  EXPECT_EQ(modes("/a/b/./file", true), std::vector<uint32_t>());
  EXPECT_EQ(modes("/**/file", true), (std::vector<uint32_t>{0700, 0711}));
  EXPECT_EQ(modes("/a/b/file", false), std::vector<uint32_t>());
}

TEST(ContextMatchTest, ExcludesFilterWhatIsInASource) {
  FakeContext context = Sample();
  // Without --parents they say nothing of what the source names.
  EXPECT_EQ(context.Names("/a.txt", false, {"a.txt"}), "a.txt=a.txt");
  EXPECT_EQ(context.Names("/*.txt", false, {"b*"}), "a.txt=a.txt b.txt=b.txt");
  EXPECT_EQ(context.Names("/s*", false, {"s*"}), "src=src/");
  EXPECT_EQ(context.Names("/*.txt", true, {"b*"}), "a.txt=a.txt");
  const auto tree = [&](std::string_view pattern, bool parents, std::vector<std::string> excludes) {
    const auto matches = context.Match(pattern, parents, std::move(excludes));
    EXPECT_TRUE(matches.ok()) << matches.status();
    return context.Tree(FromProto(matches->matches(0).directory()));
  };
  EXPECT_EQ(tree("/src", false, {"**/*.c"}), "up@ lib/ lib/l.h lib/deep/ ");
  EXPECT_EQ(tree("/src", false, {"lib"}), "main.c up@ ");
  EXPECT_EQ(tree("/src", false, {"lib", "!lib/deep"}), "main.c up@ lib/ lib/deep/ lib/deep/x.c ");
  EXPECT_EQ(tree("/src", true, {"src", "!src/lib/l.c"}), "lib/ lib/l.c ");
  EXPECT_EQ(tree("/src", true, {"src/lib/*.h"}), "main.c up@ lib/ lib/l.c lib/deep/ lib/deep/x.c ");
  // Nothing excluded: the same digest, nothing stored anew.
  EXPECT_EQ(context.Match("/src", false, {"*.none"})->matches(0).directory().hash(),
            context.Match("/src")->matches(0).directory().hash());
  EXPECT_FALSE(context.Match("/src", false, {"[x"}).ok());
}

TEST(ContextMatchTest, UnreadableTreePassesItsErrorOn) {
  v1::ContextPattern pattern;
  pattern.set_pattern("/a");
  const auto matches = MatchContext(
      pattern, DigestOf("x"), [](const Digest&) { return absl::UnavailableError("disk"); },
      [](const reapi::Directory&) { return absl::UnavailableError("disk"); });
  EXPECT_EQ(matches.status().code(), absl::StatusCode::kUnavailable);
}

// How deep a context is, its sender says: 26,000 folders in each other took the coordinator's stack.
TEST(ContextMatch, DeepFoldersAreRefusedAndTakeNoStack) {
  std::string path;
  for (int i = 0; i < 2030; ++i) path += "d/";
  FakeContext context({{path + "file", "x"}, {path + "other", "y"}});
  const auto filtered = context.Match("/", false, {"**/file"});
  ASSERT_TRUE(filtered.ok()) << filtered.status();
  EXPECT_TRUE(context.Match("**/other", true).ok());
  path.clear();
  for (int i = 0; i < 2100; ++i) path += "d/";
  FakeContext deeper({{path + "file", "x"}});
  for (const auto& refused : {deeper.Match("/", false, {"**/file"}), deeper.Match("**/file", true)}) {
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << refused.status();
    EXPECT_NE(Sv(refused.status().message()).find("path of more than 4095 bytes"), std::string_view::npos);
  }
}

// Each match has the list of its parents: few files in many folders took gigabytes.
TEST(ContextMatch, ListsOfParentsCostWhatTheyTake) {
  std::string path;
  for (int i = 0; i < 1000; ++i) path += "d/";
  std::map<std::string, std::string> files;
  for (int i = 0; i < 100; ++i) files[path + "f" + std::to_string(i)] = "x";
  FakeContext context(files);
  pattern::Effort enough(pattern::Effort::kUsual);
  EXPECT_TRUE(context.Match("**/f*", true, {}, &enough).ok());
  pattern::Effort little(5'000'000'000);
  EXPECT_EQ(context.Match("**/f*", true, {}, &little).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace crossmill::plan
