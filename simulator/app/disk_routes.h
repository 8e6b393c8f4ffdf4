#pragma once
// The control interface's part for tax disks: what one holds, and what a person lets happen to it (docs/simulator.md).
namespace taxgate::simulator::app {

class Simulator;
/// Once, after the disks were made. `simulator` must outlive its platform.
void add_disk_routes(Simulator& simulator);

}  // namespace taxgate::simulator::app
