# One entry for every chore. `make` lists them.
.PHONY: help check test slow golden docs bench format build gallery

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

check: ## linters, types, the direction of imports, and every spec under --strict
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	archspec check --strict specs/*.yaml

test: ## the tests of the README: some minutes
	pytest -n auto

slow: ## the tests that train, build a wheel or sweep the operators widely
	pytest -n auto -m slow

golden: ## refresh the golden files under tests/golden; then read `git diff tests/golden`
	ARCHSPEC_GOLDEN=refresh pytest -q -k golden

docs: ## regenerate the reference under docs, and the pictures of the README
	python docs/generate.py
	archspec draw examples/small_resnet.yaml -o docs/images/small_resnet.svg
	run=$$(mktemp -d)/run && archspec train examples/small_resnet_digits.yaml --out $$run && cp $$run/curves.png docs/images

gallery: ## draw every network of the zoo into docs/gallery: seconds
	python docs/gallery.py

bench: ## the benchmarks, each against what it measures itself by
	python benchmarks/coldstart.py
	python benchmarks/coldcheck.py
	python benchmarks/linear.py
	python benchmarks/mutations.py 2000
	python benchmarks/compile_speed.py
	python benchmarks/estimates.py
	python benchmarks/decoding.py

format: ## format the code
	ruff check --fix .
	ruff format .

build: ## sdist and wheel under dist/
	python -m hatchling build
