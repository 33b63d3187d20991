#include "coordinator/verdict/squashed_root.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crossmill::verdict {
namespace {

layer::LayerManifest Layer(const std::vector<std::string>& lines) {
  std::string text = "crossmill-manifest 1\n";
  for (const std::string& line : lines) text += line + "\n";
  return layer::LayerManifest::Parse(text).value();
}

std::string File(const std::string& path, char content = 'a', int mtime = 1) {
  return "f 0644 0 0 1 " + std::to_string(mtime) + " " + std::string(64, content) + " " + path;
}

SquashedRoot Of(const std::vector<layer::LayerManifest>& layers) {
  std::vector<const layer::LayerManifest*> pointers;
  for (const layer::LayerManifest& layer : layers) pointers.push_back(&layer);
  return Squash(pointers);
}

TEST(SquashedRootTest, WhatALaterLayerRemovesOrReplacesIsNotInIt) {
  const auto removal = Layer({"w 0000 0 0 0 1 - tmp/x"});
  EXPECT_EQ(Of({Layer({File("tmp/x", 'a')}), removal}), Of({Layer({File("tmp/x", 'b')}), removal}));
  EXPECT_EQ(Of({Layer({File("x", 'a')}), Layer({File("x", 'c')})}),
            Of({Layer({File("x", 'b')}), Layer({File("x", 'c')})}));
  EXPECT_NE(Of({Layer({File("x", 'a')})}), Of({Layer({File("x", 'b')})}));
  // Of another name: it stays.
  EXPECT_NE(Of({Layer({File("tmp/x")}), removal}), Of({Layer({File("tmp/y")}), removal}));
}

TEST(SquashedRootTest, TimesDoNotCountAndAllElseDoes) {
  EXPECT_EQ(Of({Layer({File("x", 'a', 1)})}), Of({Layer({File("x", 'a', 2)})}));
  EXPECT_NE(Of({Layer({File("x")})}), Of({Layer({"f 0600 0 0 1 1 " + std::string(64, 'a') + " x"})}));
  EXPECT_NE(Of({Layer({"l 0777 0 0 0 1 - x -> a"})}), Of({Layer({"l 0777 0 0 0 1 - x -> b"})}));
}

// It hides what the base has there, whatever comes after.
TEST(SquashedRootTest, ARemovalIsPartOfIt) {
  EXPECT_NE(Of({Layer({"w 0000 0 0 0 1 - d"}), Layer({"d 0755 0 0 0 1 - d"})}),
            Of({Layer({"d 0755 0 0 0 1 - d"})}));
}

TEST(SquashedRootTest, AFileInPlaceOfAFolderHidesWhatWasBelow) {
  EXPECT_EQ(Of({Layer({"d 0755 0 0 0 1 - d", File("d/x", 'a')}), Layer({File("d")})}),
            Of({Layer({"d 0755 0 0 0 1 - d", File("d/x", 'b')}), Layer({File("d")})}));
}

TEST(SquashedRootTest, NamesOfOneFileAreTheFile) {
  EXPECT_NE(Of({Layer({File("a", 'a'), "h 0644 0 0 0 1 - b -> a"})}),
            Of({Layer({File("a", 'b'), "h 0644 0 0 0 1 - b -> a"})}));
  EXPECT_EQ(Of({Layer({File("a"), "h 0644 0 0 0 1 - b -> a"})}).entries.at("b"),
            Of({Layer({File("a")})}).entries.at("a"));
}

}  // namespace
}  // namespace crossmill::verdict
