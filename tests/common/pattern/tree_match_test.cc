// What sources of COPY name in a tree.
#include "common/pattern/tree_match.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/base/status.h"
#include "common/pattern/path_pattern.h"

namespace crossmill::pattern {
namespace {

// Files by path; "-> target" is a link, "/" an empty folder. Folders come by themselves.
class FakeTree : public SourceTree {
 public:
  explicit FakeTree(std::map<std::string, std::string> entries) : entries_(std::move(entries)) {
    for (const auto& [path, content] : entries_) {
      for (size_t end = path.find('/'); end != path.npos; end = path.find('/', end + 1)) {
        folders_.insert(path.substr(0, end));
      }
      if (content == "/") folders_.insert(path);
    }
  }

  absl::StatusOr<std::optional<Entry>> Find(const std::string& path) override {
    if (calls_left_-- == 0) return absl::CancelledError("stopped");
    if (path.empty() || folders_.contains(path)) return Entry{Kind::kFolder, ""};
    const auto found = entries_.find(path);
    if (found == entries_.end()) return std::nullopt;
    if (found->second.starts_with("-> ")) return Entry{Kind::kLink, found->second.substr(3)};
    return Entry{};
  }
  absl::StatusOr<std::vector<std::string>> Names(const std::string& folder) override {
    if (calls_left_-- == 0) return absl::CancelledError("stopped");
    const std::string prefix = folder.empty() ? "" : folder + "/";
    std::set<std::string> names;
    for (const auto& [path, content] : entries_) {
      if (!path.starts_with(prefix) || path == prefix) continue;
      const std::string rest = path.substr(prefix.size());
      names.insert(rest.substr(0, rest.find('/')));
    }
    listed_.push_back(folder);
    return std::vector<std::string>(names.begin(), names.end());
  }

  void StopAfter(int calls) { calls_left_ = calls; }
  const std::vector<std::string>& listed() const { return listed_; }

 private:
  std::map<std::string, std::string> entries_;
  std::set<std::string> folders_;
  std::vector<std::string> listed_;
  int calls_left_ = -1;
};

// "path=name" per match, with the real path where it is another; or the error.
std::string Names(FakeTree& tree, std::string_view text, bool parents = false,
                  const std::vector<std::string>& excludes = {}) {
  const auto rules = IgnoreRules::FromPatterns(excludes);
  EXPECT_TRUE(rules.ok()) << rules.status();
  const auto matches =
      MatchSources({.text = text, .parents = parents, .excludes = *rules, .tree_name = "the tree"}, tree);
  if (!matches.ok()) return matches.status().ToString();
  std::string names;
  for (const SourceMatch& match : matches->matches) {
    if (!names.empty()) names += ' ';
    names += match.nothing ? match.path + "=nothing" : match.path + "=" + match.name;
    if (match.real_path != match.path) names += "@" + match.real_path;
    for (const std::string& parent : match.parents) names += "^" + parent;
  }
  return names;
}

FakeTree Sample() {
  return FakeTree({{"a-b", ""},
                   {"a/b", ""},
                   {"a/sub/c", ""},
                   {"a.c", ""},
                   {"link", "-> a"},
                   {"loop", "-> loop"},
                   {"lost", "-> nowhere"},
                   {"up", "-> ../../a/b"}});
}

TEST(TreeMatchTest, MatchesComeInTheOrderOfAWalk) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/a*"), "a=a a-b=a-b a.c=a.c");
  EXPECT_EQ(Names(tree, "/*/b"), "a/b=b");
  EXPECT_EQ(Names(tree, "/"), "=");
  EXPECT_EQ(Names(tree, "a/./sub/../b"), "a/b=b");
}

TEST(TreeMatchTest, StarsOfAPlainSourceStayInTheirComponent) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/**/c"), "");
  EXPECT_EQ(Names(tree, "/**/c", true), "a/sub/c=a/sub/c^a^a/sub");
  EXPECT_EQ(Names(tree, "/a/**/c"), "a/sub/c=c");
}

TEST(TreeMatchTest, OnlyFoldersThatCanMatchAreListed) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/a/s*/c"), "a/sub/c=c");
  EXPECT_EQ(tree.listed(), (std::vector<std::string>{"a", "a/sub"}));
}

TEST(TreeMatchTest, LinksAreFollowedBeforeWildcardsAndAtTheMatch) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/link/b"), "link/b=b@a/b");
  EXPECT_EQ(Names(tree, "/link/s*"), "link/sub=sub@a/sub");
  EXPECT_EQ(Names(tree, "/u*"), "up=up@a/b");
  EXPECT_EQ(Names(tree, "/l*k/b"), "");
  EXPECT_EQ(Names(tree, "/loop"), "INVALID_ARGUMENT: 'loop' is a loop of links in the tree");
  EXPECT_EQ(Names(tree, "/los?"), "NOT_FOUND: 'lost' is a link to something that is not in the tree");
  EXPECT_EQ(Names(tree, "/link", true), "link=link");
  EXPECT_EQ(Names(tree, "/link/./*", true), "link/b=b@a/b link/sub=sub@a/sub");
}

TEST(TreeMatchTest, TheFolderBeforeAWildcardHasToBeThere) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/nosuch/*.py"), "NOT_FOUND: 'nosuch' is not in the tree");
  EXPECT_EQ(Names(tree, "/a/nosuch/*.py"), "NOT_FOUND: 'a/nosuch' is not in the tree (only 'a' is)");
  EXPECT_EQ(Names(tree, "/nosuch/./*.py", true), "NOT_FOUND: 'nosuch' is not in the tree");
  EXPECT_EQ(Names(tree, "/a/*.py"), "");
  EXPECT_EQ(Names(tree, "/a.c/*.py"), "");
  EXPECT_EQ(Names(tree, "/n*/x"), "");
}

TEST(TreeMatchTest, ParentsThatFindNothingStillHaveTheirPivot) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/*.none", true), "=nothing");
  EXPECT_EQ(Names(tree, "/a/./*.none", true), "a=nothing");
  EXPECT_EQ(Names(tree, "/n*/./x", true), "");
  EXPECT_EQ(Names(tree, "/a/./none", true), "NOT_FOUND: 'a/none' is not in the tree (only 'a' is)");
}

TEST(TreeMatchTest, ExcludesSayNothingOfAPlainSource) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/a.c", false, {"a.c"}), "a.c=a.c");
  EXPECT_EQ(Names(tree, "/a*", false, {"a*"}), "a=a a-b=a-b a.c=a.c");
  EXPECT_EQ(Names(tree, "/a*", true, {"a.c", "a"}), "a-b=a-b");
  // An exception may be below.
  EXPECT_EQ(Names(tree, "/a", true, {"a", "!a/b"}), "a=a");
}

TEST(TreeMatchTest, MalformedPatternsAreErrors) {
  FakeTree tree = Sample();
  EXPECT_EQ(Names(tree, "/a/[x"),
            "INVALID_ARGUMENT: pattern '[x' has a '[' that is not closed; expected ']' or '\\['");
  EXPECT_FALSE(CheckSourcePattern("/a/[]x]", false).ok());
  EXPECT_FALSE(CheckSourcePattern("/a/[x/./b", true).ok());
  EXPECT_FALSE(CheckSourcePattern("/a/./**/[x", true).ok());
  EXPECT_TRUE(CheckSourcePattern("/a/[x]/./**/b?", true).ok());
  EXPECT_TRUE(CheckSourcePattern("/a\\[x", false).ok());
}

TEST(TreeMatchTest, WhatTheAnswerDependsOnIsTold) {
  FakeTree tree = Sample();
  const IgnoreRules none;
  const auto dependencies = [&](std::string_view text, bool parents) {
    const auto found =
        MatchSources({.text = text, .parents = parents, .excludes = none, .tree_name = "the tree"}, tree);
    EXPECT_TRUE(found.ok()) << found.status();
    std::string all;
    for (const std::string& link : found->links) all += link + "@ ";
    for (const SourceSearch& search : found->searches) {
      all += fmt::format("{}:{}{} ", search.folder, search.dialect == Dialect::kIgnore ? "**" : "",
                         search.pattern);
    }
    return all;
  };
  EXPECT_EQ(dependencies("/link/sub/c", false), "link@ ");
  EXPECT_EQ(dependencies("/link/s*/c", false), "link@ a:s*/c ");
  EXPECT_EQ(dependencies("/u*", false), "up@ :u* ");
  EXPECT_EQ(dependencies("/link/./x*", true), "link@ a:**x* ");
  EXPECT_EQ(dependencies("/a/b", true), "");
}

TEST(TreeMatchTest, ATreeEndsTheSearch) {
  FakeTree tree = Sample();
  tree.StopAfter(2);
  EXPECT_EQ(Names(tree, "/*/*"), "CANCELLED: stopped");
}

}  // namespace
}  // namespace crossmill::pattern
