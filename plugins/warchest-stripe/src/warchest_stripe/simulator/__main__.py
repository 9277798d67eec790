from warchest_stripe.simulator.server import main

main()
