// A base image as checks know it, out of its config document. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "common/check/check.h"

namespace crossmill::check {

// Without its platforms. Nothing: it is no config document.
std::optional<KnownBase> ReadKnownBase(std::string_view document);

}  // namespace crossmill::check
