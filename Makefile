# On a fresh machine `make demo` and `make test` do everything, the virtual environment included.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo deploy-demo test test-slow benchmark setup lint docs evidence evidence-cost evidence-quick after-training choices evidence-check

demo: $(READY)
	$(PY) simulate.py configs/demo.yaml

# A federation over TLS with node keys, on this machine: SuperLink, SuperNodes, run, report.
deploy-demo: $(READY)
	$(PY) -m deploy.demo

test: $(READY)
	$(PY) -m pytest -n 2 --dist loadfile

test-slow: $(READY)
	$(PY) -m pytest -m slow

# Every figure of speed and memory, into results/*.csv; what they say is in benchmarks/README.md. The published scale
# takes most of the time, and up to 20 GiB.
benchmark: $(READY)
	$(PY) -m benchmarks.transport --write
	$(PY) -m benchmarks.engine --csv
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.training --scale small medium --cases 32 --csv
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.training --scale paper --cases 8 --csv
	$(PY) -m benchmarks.paper_scale --csv
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.predict --csv

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PY) -m fed.study.documents check

# The documentation site, links checked: build/site/index.html.
docs: $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(PY) -m fed.study.documents site build/docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict

setup: $(READY)

# torch first and alone: with it installed, no other package pulls another build of it. Last, what numba compiles once.
$(READY): pyproject.toml constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(PY) -m model.transport.fused
	touch $(READY)

# Every table of the documents, from runs; how long they will take is said first (docs/studies.md). Finished runs are kept,
# so that it can be interrupted and called again. The page of each study is runs/evidence/<name>/study.html. The choices
# that the configurations rest on are made by the second target.
STUDIES := endpoint endpoint_long controls demo-seeds heterogeneity main ablation ownership case_missing unlinked label_skew style_shift federation_size \
	leave_group_out onboarding within_class class_overlap anchored rounds pooled_short privacy attacks attack_reductions
CHOICES := tuning tuning_small tuning_endpoint tuning_endpoint_high tuning_endpoint_low tuning_endpoint_rima device_strength
ifneq ($(wildcard ../shared/data/real-eyes/manifest.csv),)
STUDIES += real_eyes
endif
ifneq ($(wildcard ../shared/data/real-federation/manifest.csv),)
STUDIES += sources sources_small sources_tuned sources_methods sources_onboarding sources_privacy joint
CHOICES += tuning_sources tuning_sources_methods
FEATURES := prepared/real-federation/.complete

$(FEATURES): $(READY)
	$(PY) simulate.py configs/real-federation.yaml --prepare
	$(PY) simulate.py configs/real-federation.yaml --set method=thumbnail --prepare
	$(PY) simulate.py configs/studies/sources_small.yaml --prepare
	$(PY) simulate.py configs/studies/sources_tuned.yaml --prepare
	touch $@
endif

evidence: RUN = $(STUDIES)
evidence: AFTER = after_training audited
choices: RUN = $(CHOICES)
evidence choices: $(READY) $(FEATURES) evidence-cost
	for study in $(RUN); do \
		$(PY) simulate.py configs/studies/$$study.yaml --out runs/evidence/$$study || exit; done
	$(PY) -m fed.study.evidence store $(addprefix runs/evidence/,$(RUN))
	$(PY) -m fed.study.documents write

evidence: after-training

evidence-cost: $(READY) $(FEATURES)
	$(PY) -m benchmarks.evidence_cost $(RUN) $(AFTER)

# All studies of `evidence`, coarsely and with one seed, a core each: it shows that they run, and stores nothing. Fine-tuned
# encoders are left out: a run takes minutes.
evidence-quick: COARSE = --quick --set study.seeds=[100]
evidence-quick: RUN = $(filter-out sources_tuned,$(STUDIES))
evidence-quick: $(READY) $(FEATURES)
	$(PY) -m benchmarks.evidence_cost $(RUN) $(COARSE) --out runs/evidence-quick
	printf '%s\n' $(RUN) | xargs -P "$$(nproc)" -I {} \
		$(PY) simulate.py configs/studies/{}.yaml $(COARSE) --set engine.workers=1 --out runs/evidence-quick/{}

# The tables of docs/judging.md and of attacks in docs/privacy.md: what finished models told, beside what became
# of it. About 25 minutes.
after-training: $(READY)
	$(PY) simulate.py configs/studies/after_training.yaml --out runs/evidence/after_training
	$(PY) -m benchmarks.prediction_sets
	$(PY) -m benchmarks.triage
	OMP_NUM_THREADS=1 $(PY) -m benchmarks.equipment
	$(PY) simulate.py configs/studies/audited.yaml --out runs/evidence/audited
	$(PY) -m benchmarks.audit

# The sample: one seed of style_shift, three methods that are trained once and judged four times.
evidence-check: $(READY)
	$(PY) simulate.py configs/studies/style_shift.yaml --out runs/evidence-check \
		--set study.seeds=[100] --set study.methods=[fedavg,experts,fedrima]
	$(PY) -m fed.study.evidence check runs/evidence-check
