// Plain progress: one line per thing that happens, each with the step it belongs to. Pure.
#pragma once

#include <string>

#include "cli/show/build_model.h"
#include "cli/show/console_lines.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// "#linux/arm64 builder 4/7", with " replica 1" behind it for a replica.
std::string PlainPrefix(const BuildModel& model, uint32_t stage, uint32_t replica, uint32_t step);

// Lines for an event, each ending in a newline; empty when there is nothing to say. `model` has
// already applied the event.
std::string RenderPlainEvent(const v1::BuildEvent& event, const BuildModel& model, bool colour);

// "https://... 12.3 MB of 40.0 MB".
std::string RenderPlanning(const v1::PlanningProgress& progress);

// A line of a console with the time since its step began. Consoles of replicas are left out (empty):
// they say the same, and `crossmill logs` has them.
std::string RenderPlainLine(const ConsoleLine& line, const BuildModel& model, bool colour);

}  // namespace crossmill::cli
