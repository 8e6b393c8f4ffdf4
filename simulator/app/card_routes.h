#pragma once
// The virtual keys' control endpoints, beside the platform's (docs/simulator.md):
//   GET    /keys                             all keys with state and counters
//   GET    /keys/{serial}/counters
//   POST   /keys/{serial}/plug               body {} or {"slot": n}: into another reader's slot
//   POST   /keys/{serial}/unplug
//   POST   /keys/{serial}/fault              one fault or an array (simulator/app/scenario.h)
//   DELETE /keys/{serial}/faults
//   POST   /keys/{serial}/pin                {"tries_left": n}; 0 locks
//   POST   /keys/{serial}/reset-counters
// Every answer but GET /keys is the key's own object. Errors: {"code","field","wanted","left","message","message_zh"}.
namespace taxgate::simulator::app {

class Simulator;

/// `simulator` outlives the platform its routes are added to.
void add_card_routes(Simulator& simulator);

}  // namespace taxgate::simulator::app
