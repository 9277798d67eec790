from warchest_payflow.simulator.server import main

main()
