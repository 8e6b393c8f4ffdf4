#pragma once
// The control endpoints of the night (docs/simulator.md): population, changes, how the listing behaves.
#include "simulator/platform/control.h"
#include "simulator/platform/night_services.h"

namespace taxgate::simulator {

/// Both outlive the router.
void add_night_routes(Router& router, NightServices& night, World& world, LegalClockFile& clock);

}  // namespace taxgate::simulator
