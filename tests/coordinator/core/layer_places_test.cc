#include "coordinator/core/layer_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/coordinator/core/messages.h"

namespace crossmill::core {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

std::vector<std::string> HoldersOf(const LayerPlaces& places, const std::vector<LayerSize>& layers, int most,
                                   uint64_t turn = 0) {
  std::vector<std::string> holders;
  LayerPlaces::Wanted(places, layers).ShowHolders(most, turn, [&](const std::string& worker) {
    holders.push_back(worker);
  });
  return holders;
}

TEST(LayerPlacesTest, TheLargestLayersAreWorthALook) {
  std::vector<LayerSize> layers;
  for (int i = 1; i <= 20; ++i) layers.push_back({std::to_string(i), i * kMiB / 2});
  const auto worthwhile = LayerPlaces::Worthwhile(layers);
  ASSERT_EQ(worthwhile.size(), LayerPlaces::kMostOfTask);
  EXPECT_EQ(worthwhile.front().hash, "20");
  EXPECT_EQ(worthwhile.back().hash, "13");
  EXPECT_TRUE(LayerPlaces::Worthwhile({{"small", kMiB - 1}}).empty());
}

TEST(LayerPlacesTest, TellsWhatIsMissingWhere) {
  LayerPlaces places;
  places.Note("a", {"x", 5 * kMiB});
  places.Note("a", {"small", 5});
  places.Note("b", {"y", 7 * kMiB});
  const std::vector<LayerSize> layers = {{"x", 5 * kMiB}, {"y", 7 * kMiB}, {"z", 2 * kMiB}};
  const LayerPlaces::Wanted wanted(places, layers);
  EXPECT_FALSE(wanted.IsNowhere());
  EXPECT_EQ(wanted.MissingAt("a"), 9 * kMiB);
  EXPECT_EQ(wanted.MissingAt("b"), 7 * kMiB);
  EXPECT_EQ(wanted.MissingAt("c"), 14 * kMiB);
  EXPECT_EQ(places.LayerCount(), 2u);
  places.Forget("b");
  places.Forget("nobody");
  EXPECT_EQ(LayerPlaces::Wanted(places, layers).MissingAt("b"), 14 * kMiB);
  EXPECT_EQ(places.LayerCount(), 1u);
}

TEST(LayerPlacesTest, ShowsHoldersOfTheRarestFirstAndOthersEachTime) {
  LayerPlaces places;
  for (const char* worker : {"a", "b", "c", "d"}) places.Note(worker, {"base", 50 * kMiB});
  places.Note("d", {"own", 5 * kMiB});
  const std::vector<LayerSize> layers = {{"base", 50 * kMiB}, {"own", 5 * kMiB}};
  EXPECT_THAT(HoldersOf(places, layers, 3), ElementsAre("d", "a", "b"));
  std::set<std::string> seen;
  for (uint64_t turn = 0; turn < 4; ++turn) seen.insert(HoldersOf(places, layers, 2, turn).at(1));
  EXPECT_THAT(seen, UnorderedElementsAre("a", "b", "c", "d"));
}

// Against a record that forgets nothing but what is too much.
TEST(LayerPlacesTest, RemembersTheLastOnesOfEachWorker) {
  std::mt19937 random(3);
  LayerPlaces places;
  std::map<std::string, std::vector<std::string>> expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string worker = "w" + std::to_string(random() % 5);
    const std::string layer = std::to_string(random() % 150);
    std::vector<std::string>& mine = expected[worker];
    if (random() % 2000 == 0) {
      places.Forget(worker);
      mine.clear();
      continue;
    }
    places.Note(worker, {layer, kMiB});
    if (std::find(mine.begin(), mine.end(), layer) == mine.end()) mine.push_back(layer);
    if (mine.size() > LayerPlaces::kMostOfWorker) mine.erase(mine.begin());
  }
  std::set<std::string> all;
  for (const auto& [worker, layers] : expected) {
    all.insert(layers.begin(), layers.end());
    for (int layer = 0; layer < 150; ++layer) {
      const std::vector<LayerSize> one = {{std::to_string(layer), kMiB}};
      const bool has = std::find(layers.begin(), layers.end(), one[0].hash) != layers.end();
      EXPECT_EQ(LayerPlaces::Wanted(places, one).MissingAt(worker), has ? 0 : kMiB) << worker << " " << layer;
    }
  }
  EXPECT_EQ(places.LayerCount(), all.size());
}

}  // namespace
}  // namespace crossmill::core
