// What packages will be, and beside it what came: forecasts as text. Pure.
#pragma once

#include <string>

#include "cli/show/text.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::cli {

// The matrix package x platform, then why each package that is no wheel is none and what would help, then
// what fails, what is not known and why.
std::string RenderForecast(const v1::Forecast& forecast, const TextOptions& options);

// Of a build: each package as predicted and as observed, differences called out.
std::string RenderPredictedBeside(const v1::Forecast& forecast, const TextOptions& options);

// Some package has no file that fits, a command fails, or nothing can be said of a platform.
bool PredictsFailure(const v1::Forecast& forecast);
// Something came otherwise than it was predicted without a doubt.
bool HasCertainDifference(const v1::Forecast& forecast);

// "wheel", "source", "none", "there" (what stays), "unknown".
std::string_view PredictedWord(const v1::PredictedPackage& package);

}  // namespace crossmill::cli
