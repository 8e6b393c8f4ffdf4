#include "daemon/app/daemon.h"

int main(int argc, char** argv) { return taxgate::app::run_daemon(argc, argv, {}); }
