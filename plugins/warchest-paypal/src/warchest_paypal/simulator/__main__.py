from warchest_paypal.simulator.server import main

main()
