"""The parts of benchmarks/oracle_ladder.py."""
