from warchest_sandbox.server import main

main()
