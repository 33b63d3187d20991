#include "worker/budget/space_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

// Things of 10 bytes each, by when they were used.
struct Shelf {
  std::deque<int64_t> things;
  Stock stock(const char* name, uint64_t budget) {
    return {.name = name,
            .budget = budget,
            .bytes = [this] { return things.size() * 10; },
            .oldest = [this]() -> std::optional<int64_t> {
              if (things.empty()) return std::nullopt;
              return things.front();
            },
            .remove_oldest = [this]() -> absl::StatusOr<bool> {
              if (things.empty()) return false;
              things.pop_front();
              return true;
            }};
  }
};

SpaceKeeperOptions Quiet() {
  SpaceKeeperOptions options;
  options.interval = absl::Hours(1);
  return options;
}

TEST(SpaceKeeperTest, WhatIsBeyondItsBudgetGoesOldestFirst) {
  Shelf layers{{1, 2, 3, 4, 5}}, caches{{0}};
  SpaceKeeperOptions options = Quiet();
  options.stocks = {layers.stock("layers", 30), caches.stock("caches", 30)};
  SpaceKeeper keeper(std::move(options));
  EXPECT_EQ(keeper.KeepNow(), 2);
  EXPECT_THAT(layers.things, testing::ElementsAre(3, 4, 5));
  EXPECT_THAT(caches.things, testing::ElementsAre(0));
  EXPECT_EQ(keeper.KeepNow(), 0);
}

TEST(SpaceKeeperTest, OnAFullDiskTheOldestOfAllGoesUntilThereIsRoom) {
  Shelf layers{{1, 4, 6}}, caches{{2, 3, 9}};
  SpaceKeeperOptions options = Quiet();
  options.stocks = {layers.stock("layers", 1000), caches.stock("caches", 0)};
  options.free = [&] {
    return std::optional<uint64_t>(160 - 10 * (layers.things.size() + caches.things.size()));
  };
  options.least = [] { return uint64_t{100}; };
  SpaceKeeper keeper(std::move(options));
  // 125 free bytes are wanted, 100 are there: 1, 2 and 3 go.
  EXPECT_EQ(keeper.KeepNow(), 3);
  EXPECT_THAT(layers.things, testing::ElementsAre(4, 6));
  EXPECT_THAT(caches.things, testing::ElementsAre(9));
}

TEST(SpaceKeeperTest, WhatIsNeededStaysAndAnErrorEndsTheRound) {
  SpaceKeeperOptions options = Quiet();
  int tried = 0;
  options.stocks = {{.name = "held",
                     .budget = 1,
                     .bytes = [] { return uint64_t{100}; },
                     .oldest = []() -> std::optional<int64_t> { return std::nullopt; },
                     .remove_oldest = []() -> absl::StatusOr<bool> { return absl::InternalError("never"); }},
                    {.name = "stuck",
                     .budget = 1,
                     .bytes = [] { return uint64_t{100}; },
                     .oldest = [] { return std::optional<int64_t>(1); },
                     .remove_oldest = [&]() -> absl::StatusOr<bool> {
                       ++tried;
                       return absl::InternalError("stuck");
                     }}};
  SpaceKeeper keeper(std::move(options));
  EXPECT_EQ(keeper.KeepNow(), 0);
  EXPECT_EQ(tried, 1);
}

TEST(SpaceKeeperTest, AnUnknownDiskOrFloorRemovesNothing) {
  Shelf layers{{1}};
  const std::vector<Stock> stocks = {layers.stock("layers", 0)};
  EXPECT_FALSE(ChooseStock(stocks, std::nullopt, 100));
  EXPECT_FALSE(ChooseStock(stocks, 0, 0));
  EXPECT_TRUE(ChooseStock(stocks, 0, 1));
  EXPECT_FALSE(ChooseStock(stocks, 125, 100));
  EXPECT_TRUE(ChooseStock(stocks, 124, 100));
}

}  // namespace
}  // namespace crossmill::worker
