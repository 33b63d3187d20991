// Addresses: the examples of RFC 3986 (section 5.4), and what index pages have.
#include "common/wheels/url.h"

#include <gtest/gtest.h>

#include "common/base/text.h"

namespace crossmill::python {
namespace {

TEST(UrlTest, ExamplesOfTheStandard) {
  const std::pair<const char*, const char*> cases[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
      {"http:g", "http:g"},
  };
  for (const auto& [reference, expected] : cases) {
    EXPECT_EQ(ResolveUrl("http://a/b/c/d;p?q", reference), expected) << reference;
  }
}

TEST(UrlTest, FilesOfAnIndexPage) {
  EXPECT_EQ(ResolveUrl("https://index.example/simple/name/", "../../packages/a/b.whl#sha256=1"),
            "https://index.example/packages/a/b.whl#sha256=1");
  EXPECT_EQ(ResolveUrl("https://index.example", "packages/b.whl"), "https://index.example/packages/b.whl");
  EXPECT_EQ(ResolveUrl("https://index.example/simple/name", "HTTPS://files.example/a//b"),
            "https://files.example/a//b");
  EXPECT_EQ(UrlFileName("https://files.example/p/torch-2.0%2Bcpu-cp311-cp311-linux_x86_64.whl?x=/y#z/w"),
            "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl");
  EXPECT_EQ(UrlFileName("https://files.example/p/"), "");
  EXPECT_EQ(UrlFileName("b.whl"), "b.whl");
}

TEST(UrlTest, OnlyHttpAndHttps) {
  for (const char* url :
       {"http://a", "HTTPS://a.example:8080/b", "https://user:word@a/b?c#d", "http://[::1]/x"}) {
    EXPECT_TRUE(IsHttpUrl(url)) << url;
  }
  for (const char* url : {"", "a", "/a", "//a", "ftp://a/b", "file:///a", "javascript:alert(1)",
                          "data:text/plain,a", "http:a", "http:///a", "https://", "https://:80/",
                          "https://user@/", "https://a b/", "https://a\n/", "http://a\\b/"}) {
    EXPECT_FALSE(IsHttpUrl(url)) << url;
  }
}

}  // namespace
}  // namespace crossmill::python
